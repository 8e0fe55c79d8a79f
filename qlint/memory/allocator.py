"""PyTorch's caching allocator for CUDA: what it counts as allocated, and what it reserves.

The rules are those of ``c10/cuda/CUDACachingAllocator.cpp`` with default settings: sizes are
rounded up to 512 bytes; requests of up to 1 MiB come from segments of 2 MiB, larger ones of less
than 10 MiB from segments of 20 MiB, and others from a segment of their own, a multiple of 2 MiB.
The smallest free block that fits is taken (the lowest address among equals) and split if at least
512 bytes (small) or more than 1 MiB (large) remain. Freed neighbours are merged; segments are never
given back while the card has room.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

MEBIBYTE = 1 << 20
_ROUNDING = 512


@dataclass(eq=False, slots=True)
class Chunk:
    """A free or used piece of a segment, linked to its neighbours."""

    address: int
    size: int
    small: bool
    free: bool = False
    before: Chunk | None = None
    after: Chunk | None = None


@dataclass(slots=True)
class _Pools:
    """Free chunks, ordered as the allocator orders them: by size, then by address."""

    keys: dict[bool, list[tuple[int, int]]] = field(default_factory=lambda: {True: [], False: []})
    chunks: dict[int, Chunk] = field(default_factory=dict)

    def take(self, size: int, small: bool) -> Chunk | None:
        keys = self.keys[small]
        position = bisect.bisect_left(keys, (size, -1))
        if position == len(keys):
            return None
        return self.chunks.pop(keys.pop(position)[1])

    def put(self, chunk: Chunk) -> None:
        chunk.free = True
        self.chunks[chunk.address] = chunk
        bisect.insort(self.keys[chunk.small], (chunk.size, chunk.address))

    def remove(self, chunk: Chunk) -> None:
        keys = self.keys[chunk.small]
        keys.pop(bisect.bisect_left(keys, (chunk.size, chunk.address)))
        del self.chunks[chunk.address]


class CachingAllocator:
    """The allocator's state: ``allocated`` and ``reserved`` are its two statistics, in bytes."""

    def __init__(self) -> None:
        self.allocated = 0
        self.reserved = 0
        self._pools = _Pools()

    def allocate(self, size: int) -> Chunk | None:
        """A chunk of at least ``size`` bytes; None for an empty request, which takes nothing."""
        if size == 0:
            return None
        size = rounded_up(size)
        small = size <= MEBIBYTE
        chunk = self._pools.take(size, small) or self._segment(size, small)
        rest = chunk.size - size
        if rest >= _ROUNDING if small else rest > MEBIBYTE:
            remainder = Chunk(chunk.address + size, rest, small, before=chunk, after=chunk.after)
            if chunk.after is not None:
                chunk.after.before = remainder
            chunk.after, chunk.size = remainder, size
            self._pools.put(remainder)
        chunk.free = False
        self.allocated += chunk.size
        return chunk

    def release(self, chunk: Chunk | None) -> None:
        """Give a chunk back, merging it with its free neighbours."""
        if chunk is None:
            return
        self.allocated -= chunk.size
        after, before = chunk.after, chunk.before
        if after is not None and after.free:
            self._pools.remove(after)
            chunk.size += after.size
            chunk.after = after.after
            if chunk.after is not None:
                chunk.after.before = chunk
        if before is not None and before.free:
            self._pools.remove(before)
            before.size += chunk.size
            before.after = chunk.after
            if before.after is not None:
                before.after.before = before
            chunk = before
        self._pools.put(chunk)

    def _segment(self, size: int, small: bool) -> Chunk:
        total = segment_bytes(size, small)
        chunk = Chunk(self.reserved, total, small)
        self.reserved += total
        return chunk


def rounded_up(size: int) -> int:
    """Bytes that a request takes at least: a multiple of 512."""
    return -(-size // _ROUNDING) * _ROUNDING


def segment_bytes(size: int, small: bool) -> int:
    """Bytes of the segment that is reserved for a request which no free block can serve."""
    if small:
        return 2 * MEBIBYTE
    if size < 10 * MEBIBYTE:
        return 20 * MEBIBYTE
    return -(-size // (2 * MEBIBYTE)) * 2 * MEBIBYTE


def block_bytes(size: int) -> int:
    """Bytes of the block that a tensor gets in a fresh segment, as weights do.

    What is left of a segment of its own is split off only if it is more than 1 MiB, and else
    counts as allocated.
    """
    rounded = rounded_up(size)
    if rounded < 10 * MEBIBYTE:
        return rounded
    segment = segment_bytes(rounded, small=False)
    return rounded if segment - rounded > MEBIBYTE else segment
