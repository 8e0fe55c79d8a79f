"""Which trials there is time for."""

from __future__ import annotations

from typing import NamedTuple

OWN = 1.0
"""The run's own learning rate, as a multiple of itself."""


class Layout(NamedTuple):
    """Multiples of the run's rate, each tried with so many seeds; the run's own once more."""

    multiples: tuple[float, ...]
    seeds: int

    @property
    def trials(self) -> int:
        """How many trials that makes, the repeated one included."""
        return len(self.multiples) * self.seeds + 1


LAYOUTS = (
    Layout((0.25, 0.5, OWN, 2.0, 4.0, 8.0, 16.0), 3),
    Layout((0.25, 0.5, OWN, 2.0, 4.0, 8.0, 16.0), 2),
    Layout((0.25, OWN, 4.0, 16.0), 2),
    Layout((0.25, OWN, 4.0), 2),
)
"""From the one that shows most to the least that still has a noise band and a pair."""


FEWEST_SEEDS = 2
"""One seed is an accident."""


def fitting(seconds_per_trial: float, budget_seconds: float) -> Layout | None:
    """The first layout that fits the budget; None where none does."""
    for layout in LAYOUTS:
        if layout.trials * seconds_per_trial <= budget_seconds:
            return layout
    return None
