"""One step under torch's profiler: kernel time, the check of the direct measurement on CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ..silence import quiet_profiler

METHOD = "kernel time of kDequantizeBlockwise in one profiled step"


@dataclass(frozen=True, slots=True)
class KernelTime:
    """Seconds of one step's kernels."""

    dequantisation: float
    busy: float
    """The union of all kernels' times: kernels on two streams count once."""


def profiled_step(work: Callable[[], object]) -> KernelTime:
    """Profile ``work`` on the CUDA device. Only kernels are recorded, which costs least."""
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    with quiet_profiler(), profile(activities=[ProfilerActivity.CUDA]) as profiler:
        work()
        torch.cuda.synchronize()
    return kernel_time(
        (event.name, event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if _on_device(event)
    )


def _on_device(event: Any) -> bool:
    """Ranges that a program named are shown on the device as well, but are no work of it."""
    named = getattr(event, "is_user_annotation", False)
    return bool(event.device_type == torch.autograd.DeviceType.CUDA) and not named


def kernel_time(kernels: Iterable[tuple[str, float, float]]) -> KernelTime:
    """Add up kernels, each its name, start and end in microseconds."""
    dequantisation = busy = 0.0
    covered = float("-inf")
    for name, start, end in sorted(kernels, key=lambda kernel: kernel[1]):
        if "kDequantize" in name:
            dequantisation += end - start
        busy += max(0.0, end - max(start, covered))
        covered = max(covered, end)
    return KernelTime(dequantisation / 1e6, busy / 1e6)
