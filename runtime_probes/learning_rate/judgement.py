"""From trials to the rate at which the run breaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean
from typing import Any

from .layout import OWN
from .trial import Trial

RISE = 0.5
"""A training loss that exceeds the lowest rate's on the same window by this part of the loss at the
start is a divergence, even if the run recovers: a normal step changes it by some hundredths."""

HARM = 0.05
"""A held-out loss above the untrained model's by this part of it, and by more than the noise, is
harm with every seed: training that goes on may mend it, but not training would have been better."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What all seeds say of one learning rate."""

    multiple: float
    learning_rate: float
    paired_delta: float | None
    """Held-out loss less that of the lowest rate with the same seed, the mean over seeds; None
    where one was not finite."""
    paired_curve: tuple[tuple[float, float, float], ...]
    """That difference of training losses at each step: lowest, mean, highest of the seeds."""
    diverged: bool
    reason: str | None
    skipped_steps: int

    def as_json(self) -> dict[str, Any]:
        """In the report's form."""
        return {
            "lr": self.learning_rate,
            "multiple": self.multiple,
            "paired_delta": self.paired_delta,
            "paired_curve": [list(point) for point in self.paired_curve],
            "diverged": self.diverged,
            "reason": self.reason,
            "skipped_steps": self.skipped_steps,
        }


def noise_band(trials: Sequence[Trial], repeated: Trial) -> float:
    """The largest difference in held-out loss between trials of one and the same rate (A/A).

    They are those at the run's own rate, with its repetition; where that rate breaks, those at the
    lowest one.
    """
    for multiple in (OWN, min(trial.multiple for trial in trials)):
        same = [trial.held_out for trial in trials if trial.multiple == multiple]
        if multiple == repeated.multiple:
            same.append(repeated.held_out)
        if all(map(math.isfinite, same)):
            return max((abs(one - other) for one, other in combinations(same, 2)), default=0.0)
    return math.inf


def judge(
    trials: Sequence[Trial], learning_rate: float, untrained: float, band: float
) -> list[Tried]:
    """Each rate, from the lowest, compared with the lowest and with not training at all."""
    lowest = {trial.seed: trial for trial in trials if trial.multiple == _lowest(trials)}
    return [
        _judge(
            [(trial, lowest[trial.seed]) for trial in trials if trial.multiple == multiple],
            learning_rate * multiple,
            untrained,
            band,
        )
        for multiple in sorted({trial.multiple for trial in trials})
    ]


def _judge(
    pairs: list[tuple[Trial, Trial]], learning_rate: float, untrained: float, band: float
) -> Tried:
    trials = [trial for trial, _ in pairs]
    deltas = [trial.held_out - low.held_out for trial, low in pairs]
    delta = mean(deltas) if all(map(math.isfinite, deltas)) else None
    curves = [
        [loss - its for loss, its in zip(trial.losses, low.losses, strict=False)]
        for trial, low in pairs
    ]
    starts = [_start(low) for _, low in pairs]
    rises = [max(curve, default=0.0) / start for curve, start in zip(curves, starts, strict=True)]
    reason = next((trial.broke for trial in trials if trial.broke), None)
    harm = min(trial.held_out for trial in trials) - untrained
    if reason is None and harm > max(band, HARM * abs(untrained)):
        reason = f"the held-out loss is {harm:.3g} higher than without training"
    if reason is None and min(rises) > RISE:
        reason = f"the training loss rose by {min(rises):.0%} of its start"
    return Tried(
        trials[0].multiple,
        learning_rate,
        delta,
        tuple(
            (min(points), mean(points), max(points))
            for points in zip(*curves, strict=False)
            if all(map(math.isfinite, points))
        ),
        reason is not None,
        reason,
        sum(trial.skipped_steps for trial in trials),
    )


def _start(trial: Trial) -> float:
    """The size of the loss at the start."""
    return (abs(trial.losses[0]) if trial.losses else 0.0) or math.inf


def _lowest(trials: Sequence[Trial]) -> float:
    return min(trial.multiple for trial in trials)
