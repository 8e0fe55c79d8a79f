"""Takes a peak with the instrument of the run's device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..replay.run import Run
from ..replay.window import Window
from . import history, profiled, tracked
from .kinds import Kinds
from .peak import Peak, peak_of
from .steps import Work, collected, unmarked


@dataclass(frozen=True, slots=True)
class OnProcessor:
    """The tracker of storages, checked by torch's profiler."""

    run: Run
    device: torch.device
    method = tracked.METHOD

    def peak(self, work: Work, windows: list[Window]) -> Peak:
        """The peak of ``work``."""
        return peak_of(tracked.traced(self.run, windows, work), Kinds(self.run.model))

    def cross_check(self, work: Work, peak: Peak) -> dict[str, Any]:
        """The same by another instrument, on another step."""
        measured = peak.resident_bytes + profiled.peak_bytes(work)
        return {"method": profiled.METHOD, "peak_bytes": measured}

    def reserved_bytes(self) -> int | None:
        """Nothing is reserved."""
        return None


@dataclass(frozen=True, slots=True)
class OnCuda:
    """The allocator's own count, and its history for what the peak is made of."""

    run: Run
    device: torch.device
    method = history.METHOD

    def peak(self, work: Work, windows: list[Window]) -> Peak:
        """The peak of ``work``: its height is the allocator's, whatever the history says."""
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        if history.has_marks():
            trace = history.traced(self.run, windows, work, self.device)
            peak = peak_of(trace, Kinds(self.run.model))
        else:
            with collected():
                unmarked(work)
            peak = Peak(0, before, 0, "", "")
        torch.cuda.synchronize(self.device)
        return replace(peak, peak_bytes=torch.cuda.max_memory_allocated(self.device))

    def cross_check(self, work: Work, peak: Peak) -> dict[str, Any]:
        """What the history adds up to, against the allocator's count."""
        if not history.has_marks():
            return {"skipped": "this release of PyTorch cannot mark allocations"}
        return {
            "method": "sum of the allocator's history",
            "peak_bytes": sum(peak.by_kind.values()),
        }

    def reserved_bytes(self) -> int | None:
        """What the allocator took from the device at most."""
        return int(torch.cuda.max_memory_reserved(self.device))


def instrument(run: Run, device: torch.device) -> OnProcessor | OnCuda:
    """The instrument for ``device``."""
    return OnCuda(run, device) if device.type == "cuda" else OnProcessor(run, device)
