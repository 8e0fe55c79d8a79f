"""A run that is handed over: a model, its batches, and how a loss is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .modes import evaluating
from .run import Stepped
from .state import State
from .window import Window, cloned

Loss = Callable[[Any, Any], torch.Tensor]
"""Makes the loss of a micro-batch: called with the model and the batch."""


class SuppliedRun:
    """Plain steps: the mean loss over the micro-batches of a window, clipping, the optimizer."""

    def __init__(
        self,
        model: torch.nn.Module,
        windows: Sequence[Window],
        held_out: Sequence[Window],
        optimizer: torch.optim.Optimizer,
        *,
        scheduler: Any = None,
        loss: Loss | None = None,
        max_grad_norm: float | None = 1.0,
    ) -> None:
        self.model = model
        self.windows = windows
        self.held_out = held_out
        self.optimizer = optimizer
        self.name = type(model).__name__
        self.no_learning_rate: str | None = None
        self._scheduler = scheduler
        self._loss = loss or loss_of_model
        self._max_grad_norm = max_grad_norm

    def save(self) -> State:
        """Model, optimizer and scheduler."""
        return State(self.model, self.optimizer, self._scheduler, None)

    def forward_backward(self, window: Window) -> float:
        """The mean loss of the window's micro-batches."""
        total = 0.0
        for inputs in window.inputs:
            loss = self._loss(self.model, cloned(inputs)) / len(window.inputs)
            loss.backward()
            total += float(loss.detach())
        return total

    def update(self) -> Stepped:
        """Clip, step, and clear the gradients."""
        norm = None
        if self._max_grad_norm:
            trained = [one for one in self.model.parameters() if one.requires_grad]
            norm = float(torch.nn.utils.clip_grad_norm_(trained, self._max_grad_norm))
        learning_rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        # One that waits for a plateau is stepped by evaluations.
        if self._scheduler is not None and not isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        return Stepped(norm, learning_rate, False)

    def evaluate(self, window: Window) -> float:
        """The mean loss without gradients, in evaluation mode."""
        with evaluating(self.model):
            losses = [float(self._loss(self.model, cloned(one))) for one in window.inputs]
        return sum(losses) / len(losses)


def loss_of_model(model: Any, inputs: Any) -> torch.Tensor:
    """What transformers' models return when the batch holds labels."""
    outputs = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    loss = outputs["loss"] if isinstance(outputs, Mapping) else getattr(outputs, "loss", outputs)
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        raise ValueError("the model returns no loss: put labels into the batches, or give loss=")
    return loss


def windows_of(batches: Sequence[Any], accumulation: int) -> list[Window]:
    """Batches in whole windows of ``accumulation``; what is left over is dropped."""
    return [
        Window(tuple(batches[at : at + accumulation]))
        for at in range(0, len(batches) - accumulation + 1, accumulation)
    ]
