"""What the trials show, in the report's form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .judgement import Tried
from .layout import OWN


@dataclass(frozen=True, slots=True)
class LearningRate:
    """What the trials show of a run's learning rate, or why they were not made."""

    tried: Sequence[Tried] = ()
    noise_band: float = math.inf
    learning_rate: float | None = None
    """The run's own, at the top of its schedule."""
    steps: int | None = None
    """Of each trial."""
    held_out: int | None = None
    """Windows that the trials were judged on."""
    cut: str | None = None
    """Which trials were left out for want of time, in words."""
    method: str | None = None
    noise: dict[str, Any] | None = None
    """What quantisation does to weights and outputs, and how large an update is beside it."""
    skipped: str | None = None

    @property
    def edge(self) -> float | None:
        """The lowest rate seen to break."""
        return next((one.learning_rate for one in self.tried if one.diverged), None)

    @property
    def edge_between(self) -> list[float] | None:
        """The highest rate below the edge that held, and the edge: where between them the run
        begins to break is not known."""
        if self.edge is None:
            return None
        held = [one.learning_rate for one in self._below() if one.held]
        return [held[-1], self.edge] if held else None

    @property
    def decided(self) -> bool:
        """Whether no rate above the edge held: then the trials agree on where the run breaks, or
        that none of them broke it."""
        broke = [one.diverged for one in self.tried if one.seeds]
        return bool(broke) and broke == sorted(broke)

    @property
    def safe_range(self) -> list[float] | None:
        """Lowest and highest rate below the edge. It ends at the run's own rate: so few steps are
        no reason to raise it."""
        kept = [one.learning_rate for one in self._below() if one.held and one.multiple <= OWN]
        return [kept[0], kept[-1]] if kept else None

    def _below(self) -> list[Tried]:
        """The rates below the edge."""
        return list(itertools.takewhile(lambda one: not one.diverged, self.tried))

    @property
    def own_diverged(self) -> bool | None:
        """Whether the run's own rate broke, the one thing that so few steps can confirm."""
        return next((one.diverged for one in self.tried if one.multiple == OWN and one.seeds), None)

    def as_json(self) -> dict[str, Any]:
        """In the report's form, without what there is nothing to say about."""
        values = {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "held_out": self.held_out,
            "cut": self.cut,
            "method": self.method,
            "quantisation_noise": self.noise,
            "skipped": self.skipped,
        }
        said = {key: value for key, value in values.items() if value is not None}
        if self.skipped is not None:
            return said
        return {
            "trials": [one.as_json() for one in self.tried],
            "noise_band": self.noise_band if math.isfinite(self.noise_band) else None,
            "edge": self.edge,
            "edge_between": self.edge_between,
            "safe_range": self.safe_range,
            "decided": self.decided,
            "own_diverged": self.own_diverged,
            **said,
        }
