"""The learning rates of a run's parameter groups, and how a trial imposes its own."""

from __future__ import annotations

from typing import Any

import torch

from ..replay.loop_run import LoopWindow
from ..replay.run import Run

_ADAPTS = {
    "d": "finds the learning rate itself",
    "relative_step": "sets the learning rate itself (relative_step)",
}
"""Settings of a group that make its rate no rate: Prodigy and D-Adaptation, Adafactor."""


class NoRate(Exception):
    """The optimizer has no learning rate that a trial could change; its text says why."""


def peak_rates(run: Run) -> list[float]:
    """The highest rate of each parameter group in the run's schedule, as far as it is known."""
    peaks = []
    for number, group in enumerate(run.optimizer.param_groups):
        for setting, what in _ADAPTS.items():
            if group.get(setting):
                raise NoRate(f"The optimizer {what}.")
        known = [group.get(key) for key in ("max_lr", "initial_lr", "lr")]
        known += [
            window.groups[number].get("lr")
            for window in run.windows
            if isinstance(window, LoopWindow)
        ]
        numbers = [float(one) for one in known if one is not None]
        if not numbers or max(numbers) <= 0:
            raise NoRate("The run's learning rate is 0.")
        peaks.append(max(numbers))
    return peaks


def impose(optimizer: Any, rates: list[float]) -> None:
    """Put the rates in force for the next step, whatever a schedule has made of them."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        present = group["lr"]
        group["lr"] = torch.full_like(present, rate) if isinstance(present, torch.Tensor) else rate


def ramp(step: int, steps: int) -> float:
    """The part of the rate at a step: a short ramp, then constant."""
    length = min(3, steps // 5)
    return min(1.0, (step + 1) / (length + 1))
