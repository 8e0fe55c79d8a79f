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
    where one was not finite, or where there is no trial."""
    paired_range: tuple[float, float] | None
    """That difference for the lowest and for the highest of the seeds."""
    paired_curve: tuple[tuple[float, float, float], ...]
    """That difference of training losses at each step: lowest, mean, highest of the seeds."""
    diverged: bool
    reason: str | None
    """Why it counts as diverged, or why there is no trial."""
    skipped_steps: int
    seeds: int
    """How many seeds it was tried with; 0 where every trial was lost."""

    @property
    def held(self) -> bool:
        """It was tried and did not break."""
        return self.seeds > 0 and not self.diverged

    def as_json(self) -> dict[str, Any]:
        """In the report's form."""
        return {
            "lr": self.learning_rate,
            "multiple": self.multiple,
            "paired_delta": self.paired_delta,
            "paired_range": None if self.paired_range is None else list(self.paired_range),
            "paired_curve": [list(point) for point in self.paired_curve],
            "diverged": self.diverged,
            "reason": self.reason,
            "skipped_steps": self.skipped_steps,
            "seeds": self.seeds,
        }


def noise_band(trials: Sequence[Trial], repeated: Trial) -> float:
    """The largest difference in held-out loss between trials of one and the same rate (A/A).

    They are those at the run's own rate, with its repetition; where that rate breaks, those at the
    lowest one. Infinite where no rate has two trials that ended well.
    """
    for multiple in (OWN, _lowest(trials)):
        same = [trial for trial in trials if trial.multiple == multiple]
        if multiple == repeated.multiple:
            same.append(repeated)
        losses = [trial.held_out for trial in same if trial.lost is None]
        if len(losses) > 1 and all(map(math.isfinite, losses)):
            return max(abs(one - other) for one, other in combinations(losses, 2))
    return math.inf


def judge(
    trials: Sequence[Trial], learning_rate: float, untrained: float, band: float
) -> list[Tried]:
    """Each rate, from the lowest, compared with the lowest and with not training at all."""
    lowest = {trial.seed: trial for trial in trials if trial.multiple == _lowest(trials)}
    judged = []
    for multiple in sorted({trial.multiple for trial in trials}):
        same = [trial for trial in trials if trial.multiple == multiple]
        pairs = [
            (trial, lowest[trial.seed])
            for trial in same
            if trial.lost is None and lowest[trial.seed].lost is None
        ]
        rate = learning_rate * multiple
        judged.append(_judge(pairs, rate, untrained, band) if pairs else _lost(same, rate))
    return judged


def _judge(
    pairs: list[tuple[Trial, Trial]], learning_rate: float, untrained: float, band: float
) -> Tried:
    trials = [trial for trial, _ in pairs]
    deltas = [trial.held_out - low.held_out for trial, low in pairs]
    finite = all(map(math.isfinite, deltas))
    curves = [
        [loss - its for loss, its in zip(trial.losses, low.losses, strict=False)]
        for trial, low in pairs
    ]
    reason = _reason(pairs, curves, untrained, band)
    return Tried(
        trials[0].multiple,
        learning_rate,
        mean(deltas) if finite else None,
        (min(deltas), max(deltas)) if finite else None,
        tuple(
            (min(points), mean(points), max(points))
            for points in zip(*curves, strict=False)
            if all(map(math.isfinite, points))
        ),
        reason is not None,
        reason,
        sum(trial.skipped_steps for trial in trials),
        len(trials),
    )


def _reason(
    pairs: list[tuple[Trial, Trial]], curves: list[list[float]], untrained: float, band: float
) -> str | None:
    """Why the rate counts as one that breaks the run; None where it held."""
    broke = next((trial.broke for trial, _ in pairs if trial.broke), None)
    if broke is not None:
        return broke
    harm = min(trial.held_out for trial, _ in pairs) - untrained
    if harm > max(band, HARM * abs(untrained)):
        return f"the held-out loss is {harm:.3g} higher than without training"
    rise = min(
        max(curve, default=0.0) / _start(low) for curve, (_, low) in zip(curves, pairs, strict=True)
    )
    return f"the training loss rose by {rise:.0%} of its start" if rise > RISE else None


def _lost(trials: list[Trial], learning_rate: float) -> Tried:
    """A rate of which nothing is known."""
    why = next((trial.lost for trial in trials if trial.lost), "the lowest rate was not tried")
    return Tried(trials[0].multiple, learning_rate, None, None, (), False, why, 0, 0)


def _start(trial: Trial) -> float:
    """The size of the loss at the start."""
    return (abs(trial.losses[0]) if trial.losses else 0.0) or math.inf


def _lowest(trials: Sequence[Trial]) -> float:
    return min(trial.multiple for trial in trials)
