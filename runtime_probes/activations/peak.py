"""The peak of a trace: how high, where it stands, and what is alive there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..simulation.trace import Trace
from .kinds import Kinds, readable

RESIDENT = "resident"


@dataclass(frozen=True, slots=True)
class Peak:
    """All figures are bytes."""

    peak_bytes: int
    resident_bytes: int
    """What is there before the step: weights, optimizer state, gradients that are held, inputs."""
    saved_bytes: int
    """The most that is kept beside it when a backward begins."""
    phase: str
    module: str
    """Of the allocation that reached the peak."""
    by_module: dict[str, int] = field(default_factory=dict)
    """What the step holds at the peak."""
    by_kind: dict[str, int] = field(default_factory=dict)
    """Everything at the peak, what is resident included."""

    @property
    def at(self) -> dict[str, Any]:
        """Where the peak stands."""
        return {"phase": self.phase, "module": self.module}


def peak_of(trace: Trace, kinds: Kinds) -> Peak:
    """Find the peak of ``trace``."""
    highest, number, resident, saved = 0, -1, 0, 0
    total = 0
    before = ""
    for index, (place, event) in enumerate(trace.events()):
        if place.phase == "backward" and before != "backward":
            saved = max(saved, total - resident)
        before = place.phase
        total += event.block.bytes if event.allocates else -event.block.bytes
        if place.phase == RESIDENT:
            resident = total
        if total > highest:
            highest, number = total, index
    return _described(trace, kinds, number, Peak(highest, resident, saved, "", ""))


def _described(trace: Trace, kinds: Kinds, number: int, peak: Peak) -> Peak:
    modules: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    phase = module = ""
    for index, (place, event) in enumerate(trace.events()):
        block = event.block
        size = block.bytes if event.allocates else -block.bytes
        by_kind[kinds.kind(block.component, block.module)] += size
        if block.place.phase != RESIDENT:
            modules[readable(block.module)] += size
        phase, module = place.phase, readable(block.module)
        if index == number:
            break
    return Peak(
        peak.peak_bytes,
        peak.resident_bytes,
        peak.saved_bytes,
        phase,
        module,
        _largest_first(modules),
        _largest_first(by_kind),
    )


def _largest_first(sizes: Counter[str]) -> dict[str, int]:
    return {name: size for name, size in sizes.most_common() if size > 0}
