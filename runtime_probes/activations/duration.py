"""How long the search for what fits may take, and how long it is expected to."""

from __future__ import annotations

import time

LONGEST_TRIAL_SECONDS = 10.0
MOST_SECONDS = 60.0
"""Of the whole search, which a large card and a slow step would draw out."""
SPENT = "the time budget was spent"
_TRIALS = 4
"""About so many for the length, and as many for the rows."""


def search_seconds(step_seconds: float, growth: float) -> float:
    """About how long the search takes, where a step of ``step_seconds`` could be ``growth`` times
    as large until it fills the card: a step takes as long as it has tokens."""
    trial = min(step_seconds * growth, LONGEST_TRIAL_SECONDS)
    return min(2 * _TRIALS * trial, MOST_SECONDS)


class Deadline:
    """When to be done: ``seconds`` from now, or never."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; not below 0."""
        return float("inf") if self._end is None else max(0.0, self._end - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """The same, but not later than ``seconds`` from now."""
        return Deadline(min(seconds, self.left()))

    @property
    def passed(self) -> bool:
        """Whether there is no time left."""
        return self.left() <= 0
