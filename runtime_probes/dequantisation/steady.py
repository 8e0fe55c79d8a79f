"""Makes steps on the processor alike while they are timed: one thread, and memory that is kept."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_LARGEST = 2**31 - 1
_DEFAULT_MMAP_MAX = 65536
_SETTLED = 32 * 2**20


@contextlib.contextmanager
def steady(device: torch.device) -> Iterator[None]:
    """Steps on ``device`` are alike inside the block; CUDA's need nothing for that."""
    if device.type != "cpu":
        yield
        return
    with kept_memory(), one_thread():
        yield


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread works inside the block.

    Idle OpenMP threads spin, and their processor time counts: with two threads on a busy machine
    steps that took 0.1 s each took from 0.4 to 0.9 s. bitsandbytes may bring an OpenMP of its own.
    """
    before = torch.get_num_threads()
    try:
        own = ctypes.CDLL("libgomp.so.1", mode=getattr(os, "RTLD_NOLOAD", 0) | ctypes.DEFAULT_MODE)
    except OSError:
        own = None
    torch.set_num_threads(1)
    if own is not None:
        threads = own.omp_get_max_threads()
        own.omp_set_num_threads(1)
    try:
        yield
    finally:
        if own is not None:
            own.omp_set_num_threads(threads)
        torch.set_num_threads(before)


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Freed memory is not given back to the system inside the block.

    glibc maps and unmaps large blocks. Which of a step's blocks are fresh, and cost a page fault
    for each 4 KiB that is first written, then depends on what was freed before: measured on
    weights of 1024 x 1024 a dequantisation took 7 ms or 29 ms, and neighbouring steps exchanged
    such faults. CUDA's allocator keeps its memory anyway. Afterwards the thresholds are those
    that glibc's own adjustment reaches after a large block. Other C libraries are left alone.
    """
    library = ctypes.CDLL(None)
    change = getattr(library, "mallopt", None)
    if change is None:
        yield
        return
    change(_MMAP_MAX, 0)
    change(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        change(_MMAP_MAX, _DEFAULT_MMAP_MAX)
        change(_MMAP_THRESHOLD, _SETTLED)
        change(_TRIM_THRESHOLD, 2 * _SETTLED)
        library.malloc_trim(0)
