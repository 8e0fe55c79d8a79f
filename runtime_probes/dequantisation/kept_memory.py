"""Keeps what is freed with the process while steps are timed on the processor."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_LARGEST = 2**31 - 1
_DEFAULT_MMAP_MAX = 65536
_SETTLED = 32 * 2**20


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
