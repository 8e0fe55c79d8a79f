"""The check on the processor: the peak of the allocations that torch's profiler recorded."""

from __future__ import annotations

from ..silence import quiet_profiler
from .steps import Work, collected, unmarked

METHOD = "torch.profiler's memory events of another step"


def peak_bytes(work: Work) -> int:
    """The most that ``work`` had allocated at once beside what was there before, in bytes."""
    from torch.profiler import ProfilerActivity, profile

    recorded = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
    with collected(), quiet_profiler(), recorded as profiler:
        unmarked(work)
    events = [
        event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    peak = total = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    return peak
