"""A captured run of a transformers trainer."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..capture.patches import Patches
from .modes import evaluating
from .run import Stepped
from .state import State
from .window import Window, cloned

_ONLINE = (
    "a trainer that generates its own data has a loss that says how far a step may go, not how "
    "good the model is"
)
_PLAIN = (bool, int, float, str, type(None))


class TrainerRun:
    """Steps a trainer through recorded windows with its own ``training_step``.

    ``prepared`` says that the inputs are recorded as ``compute_loss`` got them, because what comes
    before it generates text: then it is Trainer's own step that takes them from there.
    """

    def __init__(
        self,
        trainer: Any,
        model: torch.nn.Module,
        windows: Sequence[Window],
        held_out: Sequence[Window],
        *,
        prepared: bool = False,
    ) -> None:
        self.trainer = trainer
        self.model = model
        self.windows = windows
        self.held_out = held_out
        self.optimizer = trainer.optimizer
        self.name = type(trainer).__name__
        self.no_learning_rate = _ONLINE if prepared else None
        self._prepared = prepared

    def save(self) -> State:
        """Model, optimizer, scheduler and scaler, and the trainer's own counters."""
        trainer = self.trainer
        scaler = getattr(trainer.accelerator, "scaler", None)
        state = State(self.model, self.optimizer, trainer.lr_scheduler, scaler)
        state.also(_Counters(trainer).restore)
        return state

    def forward_backward(self, window: Window) -> float:
        """The loss of a window: the sum over its micro-batches is the mean over its items."""
        trainer = self.trainer
        trainer.current_gradient_accumulation_steps = len(window.inputs)
        last = len(window.inputs) - 1
        total = 0.0
        for number, inputs in enumerate(window.inputs):
            # Off the boundary accelerate's optimizer.step() would silently do nothing.
            trainer.accelerator.gradient_state._set_sync_gradients(number == last)
            synchronised = (
                contextlib.nullcontext()
                if number == last
                else trainer.accelerator.no_sync(model=self.model)
            )
            with synchronised:
                loss = self._step(cloned(inputs), window.items)
            total += float(loss)
        return total

    def update(self) -> Stepped:
        """What the trainer's loop does after the last micro-batch."""
        trainer = self.trainer
        norm = None
        if trainer.args.max_grad_norm and trainer.args.max_grad_norm > 0:
            clipped = trainer.accelerator.clip_grad_norm_(
                self.model.parameters(), trainer.args.max_grad_norm
            )
            norm = None if clipped is None else float(clipped)
        learning_rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        skipped = bool(trainer.accelerator.optimizer_step_was_skipped)
        # One that waits for a plateau is stepped by evaluations.
        if not skipped and not isinstance(trainer.lr_scheduler, ReduceLROnPlateau):
            trainer.lr_scheduler.step()
        self.model.zero_grad()
        trainer.state.global_step += 1
        return Stepped(norm, learning_rate, skipped)

    def evaluate(self, window: Window) -> float:
        """The mean loss of a window as training computes it, without dropout and gradients."""
        trainer = self.trainer
        total = 0.0
        with evaluating(self.model), trainer.compute_loss_context_manager():
            for inputs in window.inputs:
                ready = cloned(inputs)
                if not self._prepared:
                    ready = trainer._prepare_inputs(ready)
                total += float(trainer.compute_loss(self.model, ready))
        return total / len(window.inputs)

    def _step(self, inputs: Any, items: Any) -> Any:
        """Loss and gradients of one micro-batch."""
        trainer = self.trainer
        if not self._prepared:
            return trainer.training_step(self.model, inputs, *_counted(trainer, items))
        from transformers import Trainer

        with Patches() as patches:
            patches.set(trainer, "_prepare_inputs", _as_they_are)
            return Trainer.training_step(trainer, self.model, inputs, *_counted(Trainer, items))


class _Counters:
    """What a trainer counts: numbers and texts among its attributes, and metrics it gathers."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._state = copy.copy(trainer.state)
        self._attributes = {
            name: copy.deepcopy(value) for name, value in vars(trainer).items() if _is_plain(value)
        }

    def restore(self) -> None:
        vars(self._trainer.state).update(vars(self._state))
        for name, value in self._attributes.items():
            setattr(self._trainer, name, copy.deepcopy(value))


def _counted(owner: Any, items: Any) -> tuple[Any, ...]:
    """Trainers before transformers 4.46 take no item count; others may insist on it."""
    named = "num_items_in_batch" in inspect.signature(owner.training_step).parameters
    return () if items is None and not named else (items,)


def _as_they_are(inputs: Any) -> Any:
    return inputs


def _is_plain(value: object, depth: int = 0) -> bool:
    if isinstance(value, _PLAIN):
        return True
    if depth > 3:
        return False
    if isinstance(value, dict):
        return all(_is_plain(item, depth + 1) for item in value.values())
    if isinstance(value, list | tuple | set):
        return all(_is_plain(item, depth + 1) for item in value)
    return False
