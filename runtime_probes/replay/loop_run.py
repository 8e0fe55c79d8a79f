"""A captured run of a hand-written loop, whose model returns the loss."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..capture.model_loss import loss_of
from .modes import evaluating
from .run import Stepped
from .state import Randomness, State
from .window import Window, cloned

_DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Autocast:
    """The autocast contexts that a call was made in: device type and dtype of each."""

    active: tuple[tuple[str, Any], ...]

    @classmethod
    def now(cls) -> Autocast:
        """Those in force at this moment."""
        return cls(
            tuple(
                (device, torch.get_autocast_dtype(device))
                for device in _DEVICES
                if torch.is_autocast_enabled(device)
            )
        )

    def enter(self) -> contextlib.ExitStack:
        """A context with the same ones in force."""
        stack = contextlib.ExitStack()
        for device, dtype in self.active:
            stack.enter_context(torch.autocast(device, dtype=dtype))
        return stack


@dataclass(frozen=True, slots=True)
class Call:
    """How the script called the model on one micro-batch, and what it did with the loss."""

    scale: float
    """What it multiplied the loss by before ``backward``: one over the accumulation, often."""
    autocast: Autocast
    drawn: tuple[Randomness, Randomness] | None = None
    """The generators before and after the script drew from them since its previous call."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One call of a function of ``torch.nn.utils`` that clips gradients."""

    function: Callable[..., Any]
    parameters: tuple[torch.nn.Parameter, ...]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoopWindow(Window):
    """A window and what the loop did around it."""

    calls: tuple[Call, ...] = ()
    clips: tuple[Clip, ...] = ()
    unscaled: bool = False
    """Whether the script unscaled the gradients itself, as it must before it clips them."""
    groups: tuple[dict[str, Any], ...] = ()
    """The optimizer's settings at this step (learning rate, betas), a dict for each group: what
    schedulers, or the script's own assignments, had made of them."""


class LoopRun:
    """Does for each recorded window what the script's loop did."""

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Any,
        scaler: Any,
        windows: Sequence[LoopWindow],
        held_out: Sequence[LoopWindow],
    ) -> None:
        self.model = model
        self.windows: Sequence[Window] = windows
        self.held_out: Sequence[Window] = held_out
        self.optimizer = optimizer
        self.name = "hand-written loop"
        self.no_learning_rate: str | None = None
        self._scaler = scaler
        self._first = self._window = windows[0]

    def save(self) -> State:
        """Model, optimizer and scaler; a scheduler's work is part of the windows."""
        return State(self.model, self.optimizer, None, self._scaler)

    def forward_backward(self, window: Window) -> float:
        """The mean loss of a window, its micro-batches weighted as the script weighted them."""
        self._window = self._as_recorded(window)
        groups = zip(self.optimizer.param_groups, self._window.groups, strict=True)
        for group, settings in groups:
            group.update(settings)
        total = weight = 0.0
        for inputs, call in zip(window.inputs, self._window.calls, strict=True):
            if call.drawn is not None and call.drawn[0].equals(Randomness.now()):
                call.drawn[1].restore()
            with call.autocast.enter():
                loss = loss_of(self.model(**cloned(inputs)))
            scaled = loss * call.scale
            (scaled if self._scaler is None else self._scaler.scale(scaled)).backward()
            total += float(loss.detach()) * call.scale
            weight += call.scale
        return total / weight if weight else 0.0

    def update(self) -> Stepped:
        """Clip as the script did, step the optimizer through the scaler if there is one."""
        scaler = self._scaler
        if scaler is not None and self._window.unscaled:
            scaler.unscale_(self.optimizer)
        norm = None
        for clip in self._window.clips:
            clipped = clip.function(clip.parameters, *clip.arguments, **clip.named)
            norm = norm if clipped is None else float(clipped)
        learning_rate = float(self.optimizer.param_groups[0]["lr"])
        skipped = False
        if scaler is None:
            self.optimizer.step()
        else:
            before = scaler.get_scale()
            scaler.step(self.optimizer)
            scaler.update()
            skipped = scaler.get_scale() < before
        for parameter in self.model.parameters():
            parameter.grad = None
        return Stepped(norm, learning_rate, skipped)

    def evaluate(self, window: Window) -> float:
        """The mean loss of a window as training computes it, without dropout and gradients."""
        recorded = self._as_recorded(window)
        total = 0.0
        with evaluating(self.model):
            for inputs, call in zip(window.inputs, recorded.calls, strict=True):
                with call.autocast.enter():
                    total += float(loss_of(self.model(**cloned(inputs))))
        return total / len(window.inputs)

    def _as_recorded(self, window: Window) -> LoopWindow:
        """A window that a probe made itself is treated as the first one was."""
        if isinstance(window, LoopWindow):
            return window
        first = self._first
        call = Call(1 / len(window.inputs), first.calls[0].autocast)
        return LoopWindow(
            window.inputs,
            window.items,
            (call,) * len(window.inputs),
            first.clips,
            first.unscaled,
            first.groups,
        )
