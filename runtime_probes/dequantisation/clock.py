"""Times stretches of work on the device that does it."""

from __future__ import annotations

import time
from typing import Any

import torch


class Clock:
    """Starts and stops stretches and adds them up by key.

    On a CUDA device a stretch is a pair of events on the current stream, read when all is done; a
    stretch of a few microseconds includes the gap before its kernel starts. Elsewhere it is time
    that the processor took.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._open: list[tuple[Any, Any, Any]] = []
        self.seconds: dict[Any, float] = {}
        self.calls: dict[Any, int] = {}

    def start(self) -> Any:
        """A stretch begins."""
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def stop(self, started: Any, key: Any) -> None:
        """It ends, and counts for ``key``."""
        self.calls[key] = self.calls.get(key, 0) + 1
        if not self._cuda:
            self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - started
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._open.append((started, event, key))

    def settle(self) -> None:
        """Wait for the device and read all events."""
        if self._cuda:
            torch.cuda.synchronize()
        for started, ended, key in self._open:
            seconds = started.elapsed_time(ended) / 1000
            self.seconds[key] = self.seconds.get(key, 0.0) + seconds
        self._open.clear()


def step_seconds(device: torch.device, work: Any) -> float:
    """Seconds of wall time that ``work()`` takes, with the device idle before and after."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
