"""Takes a peak with the instrument of the run's device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..out_of_memory import attempt
from ..replay.device import release
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
    card_bytes: int | None = None
    """What a card that it stands in for would hold; None for none."""
    method = tracked.METHOD

    def peak(self, work: Work, windows: list[Window]) -> Peak:
        """The peak of ``work``."""
        return peak_of(tracked.traced(self.run, windows, work), Kinds(self.run.model))

    def height(self, work: Work, windows: list[Window], limit: int | None = None) -> int | None:
        """The bytes of the peak, or None where they are more than ``limit``, or the card's."""
        height = self.peak(work, windows).peak_bytes
        limit = self.card_bytes if limit is None else limit
        return height if limit is None or height <= limit else None

    def capacity_bytes(self) -> int | None:
        """What a run may take of the card."""
        return self.card_bytes

    def cross_check(self, work: Work, peak: Peak) -> dict[str, Any]:
        """The same by another instrument, on another step."""
        measured = peak.resident_bytes + profiled.peak_bytes(work)
        return {"method": profiled.METHOD, "peak_bytes": measured}

    def reserved_bytes(self) -> int | None:
        """Nothing is reserved."""
        return None

    def by_device(self) -> dict[str, int]:
        """There is one."""
        return {}


@dataclass(frozen=True, slots=True)
class OnCuda:
    """The allocator's own count, and its history for what the peak is made of."""

    run: Run
    device: torch.device
    method = history.METHOD

    def peak(self, work: Work, windows: list[Window]) -> Peak:
        """The peak of ``work``: its height is the allocator's, whatever the history says."""
        self._reset()
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

    def height(self, work: Work, windows: list[Window], limit: int | None = None) -> int | None:
        """The bytes of the peak, or None where it does not fit the card, or ``limit`` of it."""

        def run() -> int:
            self._reset()
            with collected(), self._limited(limit):
                unmarked(work)
                torch.cuda.synchronize(self.device)
            return int(torch.cuda.max_memory_allocated(self.device))

        return attempt(run, lambda: release(self.run))

    def capacity_bytes(self) -> int | None:
        """What this process has of the card, and what is free, within a limit that it has set."""
        free, total = torch.cuda.mem_get_info(self.device)
        allowed = int(total * _fraction(self.device))
        return min(int(free + torch.cuda.memory_reserved(self.device)), allowed)

    def cross_check(self, work: Work, peak: Peak) -> dict[str, Any]:
        """What the history adds up to, against the allocator's count."""
        if not history.has_marks():
            return {"skipped": "this release or allocator of PyTorch cannot mark allocations"}
        return {
            "method": "sum of the allocator's history",
            "peak_bytes": sum(peak.by_kind.values()),
        }

    def reserved_bytes(self) -> int | None:
        """What the allocator took from the device at most."""
        return int(torch.cuda.max_memory_reserved(self.device))

    def by_device(self) -> dict[str, int]:
        """The peak on each card since the last step began, where the model is spread over several;
        every other figure is of the first."""
        devices = self._devices()
        if len(devices) < 2:
            return {}
        return {str(one): torch.cuda.max_memory_allocated(one) for one in devices}

    def _devices(self) -> list[torch.device]:
        """The cards that the model lies on, that of its first parameter first."""
        found = dict.fromkeys(one.device for one in self.run.model.parameters() if one.is_cuda)
        return list(found) or [self.device]

    def _reset(self) -> None:
        """What earlier steps left in the allocator's cache counts for none."""
        torch.cuda.empty_cache()
        for device in self._devices():
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)

    @contextlib.contextmanager
    def _limited(self, limit: int | None) -> Iterator[None]:
        """The allocator takes no more than ``limit`` bytes of the card inside the block."""
        if limit is None:
            yield
            return
        _, total = torch.cuda.mem_get_info(self.device)
        before = _fraction(self.device)
        torch.cuda.set_per_process_memory_fraction(min(before, limit / total), self.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(before, self.device)


def _fraction(device: torch.device) -> float:
    """What the process may take of the card; older releases of PyTorch do not say it."""
    read = getattr(torch.cuda, "get_per_process_memory_fraction", None)
    return 1.0 if read is None else float(read(device))


def instrument(run: Run, device: torch.device) -> OnProcessor | OnCuda:
    """The instrument for ``device``."""
    return OnCuda(run, device) if device.type == "cuda" else OnProcessor(run, device)
