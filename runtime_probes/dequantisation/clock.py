"""Times stretches of work, and whole steps, on the device that does the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch


class Clock:
    """Starts and stops stretches and adds them up by key.

    On a CUDA device a stretch is a pair of events on the current stream, read when all is done; a
    stretch of a few microseconds includes the gap before its kernel starts. Elsewhere it is
    processor time of this process, which other processes do not lengthen.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._open: list[tuple[Any, Any, Hashable]] = []
        self.seconds: dict[Any, float] = {}
        self.calls: dict[Any, int] = {}

    def start(self) -> Any:
        """A stretch begins."""
        if not self._cuda:
            return time.process_time()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def stop(self, started: Any, key: Hashable) -> None:
        """It ends, and counts for ``key``."""
        self.calls[key] = self.calls.get(key, 0) + 1
        if not self._cuda:
            self.seconds[key] = self.seconds.get(key, 0.0) + time.process_time() - started
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._open.append((started, event, key))

    def settle(self) -> None:
        """Wait for the device and read all events."""
        for started, ended, key in self._open:
            ended.synchronize()  # Each on its own device, where the model is spread over several.
            seconds = started.elapsed_time(ended) / 1000
            self.seconds[key] = self.seconds.get(key, 0.0) + seconds
        self._open.clear()


@dataclass(frozen=True, slots=True)
class Step:
    """What one step took. Shares are fractions of ``seconds``, in the clock's kind of time."""

    wall_seconds: float
    seconds: float
    peak_bytes: int | None
    """The most that CUDA's allocator held; None elsewhere."""


def step_seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Seconds of wall time that ``work()`` takes, with the device idle before and after."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def timed_step(device: torch.device, work: Callable[[], object]) -> Step:
    """Do ``work``, and take its time and on CUDA its peak."""
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    before = time.process_time()
    wall = step_seconds(device, work)
    if cuda:
        return Step(wall, wall, torch.cuda.max_memory_allocated(device))
    return Step(wall, time.process_time() - before, None)
