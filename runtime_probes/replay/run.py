"""A run that is ready to train: what probes step, whatever trainer or loop it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch

from .state import State
from .window import Window


class Stepped(NamedTuple):
    """One optimizer step: the norm before clipping, the rate in force, whether a scaler skipped."""

    gradient_norm: float | None
    learning_rate: float
    skipped: bool


class Watched(Protocol):
    """What is known of a run that is only looked at."""

    model: torch.nn.Module
    optimizer: Any


class Run(Watched, Protocol):
    """A captured run. Probes know nothing else of the user's training."""

    model: torch.nn.Module
    """The model as the loss sees it, wrapped."""
    windows: Sequence[Window]
    """The recorded windows, in order; their inputs must not be changed."""
    held_out: Sequence[Window]
    """Windows that are never trained on."""
    optimizer: Any
    name: str
    """What was captured, in words: "SFTTrainer"."""
    no_learning_rate: str | None
    """Why trials at other learning rates would mean nothing, if they would not."""

    def save(self) -> State:
        """The state at this moment, to be restored as often as needed."""
        ...

    def forward_backward(self, window: Window) -> float:
        """Loss and gradients of a whole window, accumulated as in the run; no optimizer step."""
        ...

    def update(self) -> Stepped:
        """Clip, step the optimizer and the scheduler, and clear the gradients."""
        ...

    def evaluate(self, window: Window) -> float:
        """The mean loss of a window without gradients, in evaluation mode."""
        ...
