"""Capture of hand-written loops: ``model(**batch).loss``, ``backward()``, ``optimizer.step()``.

The model runs without gradients, and the loss that the script gets is a leaf: what the script
makes of it until ``backward`` is its scale. Gradients are zeros until the optimizer's step, which
finds none: it changes nothing, and a script that changes gradients by hand is noticed. accelerate,
schedulers and assignments to the learning rate go through the same calls of torch, or show in the
optimizer's settings at its step, and need no handling of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from qlint.errors import UsageError

from ..replay.loop_run import Clip
from ..replay.run import Run
from .loop_record import LoopRecord
from .patches import Patches
from .stop import Stopper

Measure = Callable[[Run], None]
_CLIPPING = ("clip_grad_norm_", "clip_grad_value_")


def install(
    patches: Patches, steps: int, held_out: int, measure: Measure, stopper: Stopper
) -> LoopCapture:
    """Make the first hand-written loop record, call ``measure`` on its run, and stop the script.

    To be installed after the capture of trainers, to which it leaves a script that starts one. A
    script that ends before ``steps + held_out`` windows are complete needs
    :meth:`LoopCapture.finish`.
    """
    capture = LoopCapture(steps, held_out, measure, stopper)
    patches.later(capture.disarm)
    return capture


class LoopCapture:
    """The changes to torch and transformers that let a loop run without training."""

    def __init__(self, steps: int, held_out: int, measure: Measure, stopper: Stopper) -> None:
        self._wanted = steps + held_out
        self._held_out = held_out
        self._measure = measure
        self._stopper = stopper
        self._record = LoopRecord()
        self._patches = Patches()
        self._inside = False
        self._armed = True
        self._arm()

    def finish(self) -> None:
        """The script came to its own end: measure what was recorded.

        Raises UsageError where it took no training step.
        """
        self.disarm()
        if not self._record.windows:
            raise UsageError(
                "The script ended without a training step: it started no transformers trainer, "
                "and no optimizer.step() followed a loss that a model returned."
            )
        self._measure(self._record.run(self._held_out))

    def disarm(self) -> None:
        """Undo every change. Names that some module imported meanwhile pass their calls on."""
        self._armed = False
        self._patches.__exit__(None, None, None)

    def _arm(self) -> None:
        import transformers
        from torch.optim.optimizer import register_optimizer_step_pre_hook

        owners: list[Any] = [transformers.PreTrainedModel]
        try:
            from peft import PeftModel
        except ImportError:
            pass
        else:
            owners.append(PeftModel)
        for owner in owners:
            self._replace(owner, "__call__", self._model_called)
        self._replace(transformers.Trainer, "train", self._trainer_started)
        self._replace(torch, "compile", self._compile_called)
        self._replace(torch.autograd, "backward", self._backward_called)
        for name in _CLIPPING:
            for place in (torch.nn.utils, torch.nn.utils.clip_grad):
                self._replace(place, name, self._clip_called)
        scaler = torch.amp.GradScaler
        self._replace(scaler, "scale", self._scale_called)
        self._replace(scaler, "unscale_", self._unscale_called)
        self._replace(scaler, "step", self._scaler_stepped)
        self._replace(scaler, "update", lambda *_, **__: None)
        hook = register_optimizer_step_pre_hook(self._before_step)
        self._patches.later(hook.remove)

    def _replace(self, owner: Any, name: str, stand_in: Callable[..., Any]) -> None:
        """``stand_in`` gets what was there before and the arguments, while this is armed."""

        def make(original: Any) -> Any:
            def called(*arguments: Any, **named: Any) -> Any:
                if not self._armed:
                    return original(*arguments, **named)
                try:
                    return stand_in(original, *arguments, **named)
                except UsageError as error:
                    self._stopper.stop(error)  # The script's own handlers are not meant for it.

            return called

        self._patches.wrap(owner, name, make)

    def _trainer_started(self, original: Any, *arguments: Any, **named: Any) -> Any:
        self.disarm()
        return original(*arguments, **named)

    def _compile_called(self, original: Any, model: Any = None, **named: Any) -> Any:
        """A module is compiled after the recording only: the compiler would trace that as well."""
        if not isinstance(model, torch.nn.Module):
            return original(model, **named)
        self._record.compiled.append((model, lambda: original(model, **named)))
        return model

    def _model_called(self, original: Any, model: Any, *arguments: Any, **named: Any) -> Any:
        if self._inside or not _is_training(model):
            return original(model, *arguments, **named)
        self._inside = True
        try:
            return self._record.call(original, model, arguments, named)
        finally:
            self._inside = False

    def _backward_called(
        self,
        original: Any,
        tensors: Any,
        grad_tensors: Any = None,
        *arguments: Any,
        **named: Any,
    ) -> None:
        if self._record.pending:
            self._record.backward(tensors, grad_tensors)
        else:
            original(tensors, grad_tensors, *arguments, **named)

    def _clip_called(self, original: Any, parameters: Any, *arguments: Any, **named: Any) -> Any:
        several = (parameters,) if isinstance(parameters, torch.Tensor) else tuple(parameters)
        self._record.clips.append(Clip(original, several, arguments, named))
        return torch.zeros(())

    def _scale_called(self, _: Any, scaler: Any, outputs: Any) -> Any:
        """The scale of the moment is no part of what the script makes of its loss."""
        if scaler.is_enabled():
            self._record.scaler = scaler
        return outputs

    def _unscale_called(self, _: Any, scaler: Any, __: Any) -> None:
        self._record.unscaled = scaler.is_enabled()

    def _scaler_stepped(
        self, _: Any, __: Any, optimizer: Any, *arguments: Any, **named: Any
    ) -> Any:
        return optimizer.step(*arguments, **named)

    def _before_step(self, optimizer: Any, arguments: tuple[Any, ...], named: Any) -> None:
        """Called by torch ahead of every optimizer's step, whatever its class."""
        try:
            self._record.step(optimizer, arguments[1:], named)
            if len(self._record.windows) < self._wanted:
                return
            self.disarm()
            self._measure(self._record.run(self._held_out))
        except Exception as error:
            self._stopper.stop(error)
        self._stopper.stop()


def _is_training(model: Any) -> bool:
    return (
        model.training
        and torch.is_grad_enabled()
        and any(parameter.requires_grad for parameter in model.parameters())
    )
