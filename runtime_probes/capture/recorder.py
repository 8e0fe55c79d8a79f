"""Records the training inputs of a transformers trainer instead of training on them."""

from __future__ import annotations

from typing import Any

import torch

from ..replay.state import Randomness
from ..replay.window import Window, cloned
from .patches import Patches
from .stop import Recorded


class Recorder:
    """Stands in for ``training_step`` until ``wanted`` windows are complete.

    The trainer's loop goes on around it, so that accumulation, the item count and the order of the
    data are the run's own; what the loop would do to weights, schedule and scaler is switched off.
    """

    def __init__(self, trainer: Any, wanted: int, patches: Patches) -> None:
        self.windows: list[Window] = []
        self.model: torch.nn.Module | None = None
        self.randomness: Randomness | None = None
        """Generators as they were when the first step began."""
        self._trainer = trainer
        self._wanted = wanted
        self._patches = patches
        self._open: list[Any] = []

    def training_step(
        self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Keep a copy of ``inputs``; the loss is 0 and has no gradient."""
        if self.randomness is None:
            self.randomness = Randomness.now()
            self.model = model
            self._switch_off_updates()
        self._open.append(cloned(inputs))
        if self._trainer.accelerator.sync_gradients:
            self.windows.append(Window(tuple(self._open), cloned(num_items_in_batch)))
            self._open = []
            if len(self.windows) >= self._wanted:
                raise Recorded
        return torch.zeros((), device=self._trainer.args.device)

    def _switch_off_updates(self) -> None:
        """Only now: the loop has made optimizer and scheduler just before its first step."""
        trainer = self._trainer
        self._patches.set(trainer.optimizer, "step", _nothing)
        self._patches.set(trainer.lr_scheduler, "step", _nothing)
        self._patches.set(trainer.accelerator, "clip_grad_norm_", _no_norm)


def _nothing(*_: Any, **__: Any) -> None:
    """No update."""


def _no_norm(*_: Any, **__: Any) -> torch.Tensor:
    return torch.zeros(())
