"""PyTorch's caching allocator for CUDA: what it counts as allocated, and what it reserves.

The rules are those of ``c10/cuda/CUDACachingAllocator.cpp`` with default settings: sizes are
rounded up to 512 bytes; requests of up to 1 MiB come from segments of 2 MiB, larger ones of less
than 10 MiB from segments of 20 MiB, and others from a segment of their own, a multiple of 2 MiB.
The smallest free block that fits is taken (the lowest address among equals) and split if at least
512 bytes (small) or more than 1 MiB (large) remain. Freed neighbours are merged; segments are never
given back while the card has room. When it has none, those that are wholly free are
(``release_cached_blocks``), before an allocation fails.
"""

from __future__ import annotations

from bisect import bisect_left, insort

MEBIBYTE = 1 << 20
_ROUNDING = 512


class Segment:
    """What is asked of the driver at once: its bytes, and how many of its chunks are in use."""

    __slots__ = ("size", "small", "used")

    def __init__(self, size: int, small: bool) -> None:
        self.size = size
        self.small = small
        self.used = 0


class Chunk:
    """A free or used piece of a segment, linked to its neighbours."""

    __slots__ = ("address", "after", "before", "free", "segment", "size")

    def __init__(
        self, address: int, size: int, segment: Segment, before: Chunk | None, after: Chunk | None
    ) -> None:
        self.address = address
        self.size = size
        self.segment = segment
        self.free = False
        self.before = before
        self.after = after


_Free = tuple[int, int, Chunk]
"""Size, address and the chunk: the order in which the allocator looks at free ones."""


class CachingAllocator:
    """The allocator's state: ``allocated``, the highest it has been (``peak``) and ``reserved`` are
    its statistics, in bytes. ``pinned_peak`` is the most that stood in segments with anything in
    use: what could not have been given back."""

    __slots__ = ("_large", "_pinned", "_small", "allocated", "peak", "pinned_peak", "reserved")

    def __init__(self) -> None:
        self.allocated = 0
        self.peak = 0
        self.reserved = 0
        self.pinned_peak = 0
        self._pinned = 0
        self._small: list[_Free] = []
        self._large: list[_Free] = []

    def allocate(self, size: int) -> Chunk | None:
        """A chunk of at least ``size`` bytes; None for an empty request, which takes nothing."""
        if size == 0:
            return None
        size = -(-size // _ROUNDING) * _ROUNDING
        small = size <= MEBIBYTE
        pool = self._small if small else self._large
        position = bisect_left(pool, (size,))
        chunk = pool.pop(position)[2] if position < len(pool) else self._segment(size, small)
        rest = chunk.size - size
        if rest >= _ROUNDING if small else rest > MEBIBYTE:
            remainder = Chunk(chunk.address + size, rest, chunk.segment, chunk, chunk.after)
            if chunk.after is not None:
                chunk.after.before = remainder
            chunk.after, chunk.size = remainder, size
            remainder.free = True
            insort(pool, (rest, remainder.address, remainder))
        chunk.free = False
        self._pin(chunk.segment)
        self.allocated += chunk.size
        if self.allocated > self.peak:
            self.peak = self.allocated
        return chunk

    def release(self, chunk: Chunk | None) -> None:
        """Give a chunk back, merging it with its free neighbours."""
        if chunk is None:
            return
        self.allocated -= chunk.size
        segment = chunk.segment
        segment.used -= 1
        if segment.used == 0:
            self._pinned -= segment.size
        pool = self._small if segment.small else self._large
        after, before = chunk.after, chunk.before
        if after is not None and after.free:
            del pool[bisect_left(pool, (after.size, after.address))]
            chunk.size += after.size
            chunk.after = after.after
            if chunk.after is not None:
                chunk.after.before = chunk
        if before is not None and before.free:
            del pool[bisect_left(pool, (before.size, before.address))]
            before.size += chunk.size
            before.after = chunk.after
            if before.after is not None:
                before.after.before = before
            chunk = before
        chunk.free = True
        insort(pool, (chunk.size, chunk.address, chunk))

    def _pin(self, segment: Segment) -> None:
        if segment.used == 0:
            self._pinned += segment.size
            self.pinned_peak = max(self.pinned_peak, self._pinned)
        segment.used += 1

    def _segment(self, size: int, small: bool) -> Chunk:
        total = segment_bytes(size, small)
        chunk = Chunk(self.reserved, total, Segment(total, small), None, None)
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
