"""Records the training inputs of a transformers trainer instead of training on them."""

from __future__ import annotations

from typing import Any

import torch

from ..replay.state import Randomness
from ..replay.window import Window, cloned
from .patches import Patches
from .stop import Recorded


class Recorder:
    """Takes the place of a trainer's work on a micro-batch until ``wanted`` windows are complete.

    The trainer's loop goes on around it, so that accumulation, the item count and the order of the
    data are the run's own; what the loop would do to weights, schedule and scaler is switched off.
    """

    def __init__(self, trainer: Any, wanted: int, patches: Patches) -> None:
        self.windows: list[Window] = []
        self.model: torch.nn.Module | None = None
        self.randomness: Randomness | None = None
        """Generators as they were when the first loss was due."""
        self.prepared = generates(trainer)
        """The inputs are those of ``compute_loss``: what comes before it has generated text."""
        self._trainer = trainer
        self._wanted = wanted
        self._patches = patches
        self._open: list[Any] = []
        self._items: Any = None
        if self.prepared:
            patches.wrap(trainer, "training_step", self._noting_items)
            patches.set(trainer, "compute_loss", self._compute_loss)
        else:
            patches.set(trainer, "training_step", self._training_step)

    def _training_step(
        self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Keep a copy of ``inputs``; the loss is 0 and has no gradient."""
        self._items = num_items_in_batch
        self._keep(model, inputs)
        return torch.zeros((), device=self._trainer.args.device)

    def _noting_items(self, original: Any) -> Any:
        def training_step(model: Any, inputs: Any, *items: Any, **named: Any) -> Any:
            self._items = named.get("num_items_in_batch", items[0] if items else None)
            return original(model, inputs, *items, **named)

        return training_step

    def _compute_loss(
        self, model: torch.nn.Module, inputs: Any, *_: Any, **__: Any
    ) -> torch.Tensor:
        """Keep a copy of ``inputs``; the gradient of the loss reaches nothing."""
        self._keep(model, inputs)
        return torch.zeros((), device=self._trainer.args.device, requires_grad=True)

    def _keep(self, model: torch.nn.Module, inputs: Any) -> None:
        if self.randomness is None:
            self.randomness = Randomness.now()
            self.model = model
            self._switch_off_updates()
        self._open.append(cloned(inputs))
        if self._trainer.accelerator.sync_gradients:
            self.windows.append(Window(tuple(self._open), cloned(self._items)))
            self._open = []
            if len(self.windows) >= self._wanted:
                raise Recorded

    def _switch_off_updates(self) -> None:
        """Only now: the loop has made optimizer and scheduler just before its first step."""
        trainer = self._trainer
        self._patches.set(trainer.optimizer, "step", _nothing)
        self._patches.set(trainer.lr_scheduler, "step", _nothing)
        self._patches.set(trainer.accelerator, "clip_grad_norm_", _no_norm)


def generates(trainer: Any) -> bool:
    """Whether the trainer makes its inputs itself, with the model: GRPO, RLOO and their like."""
    import transformers

    own = type(trainer)._prepare_inputs is not transformers.Trainer._prepare_inputs
    return own or hasattr(trainer, "generation_config")


def _nothing(*_: Any, **__: Any) -> None:
    """No update."""


def _no_norm(*_: Any, **__: Any) -> torch.Tensor:
    return torch.zeros(())
