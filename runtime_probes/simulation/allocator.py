"""PyTorch's caching allocator for CUDA, replayed on a trace: what it counts and what it reserves.

The rules are those of ``c10/cuda/CUDACachingAllocator.cpp`` with default settings: sizes are
rounded up to 512 bytes; requests of up to 1 MiB come from segments of 2 MiB, larger ones of less
than 10 MiB from segments of 20 MiB, and others from a segment of their own, a multiple of 2 MiB.
The smallest free block that fits is taken (the lowest address among equals) and split if at least
512 bytes (small) or more than 1 MiB (large) remain. Freed neighbours are merged; segments are never
given back while the card has room.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field

from .trace import Block, Place, Trace

MIB = 1 << 20
_ROUNDING = 512
_SMALL = MIB


@dataclass(eq=False, slots=True)
class _Chunk:
    """A free or used piece of a segment, linked to its neighbours."""

    address: int
    size: int
    small: bool
    free: bool = False
    before: _Chunk | None = None
    after: _Chunk | None = None


@dataclass(slots=True)
class _Pools:
    """Free chunks, ordered as the allocator orders them: by size, then by address."""

    keys: dict[bool, list[tuple[int, int]]] = field(default_factory=lambda: {True: [], False: []})
    chunks: dict[int, _Chunk] = field(default_factory=dict)

    def take(self, size: int, small: bool) -> _Chunk | None:
        keys = self.keys[small]
        position = bisect.bisect_left(keys, (size, -1))
        if position == len(keys):
            return None
        return self.chunks.pop(keys.pop(position)[1])

    def put(self, chunk: _Chunk) -> None:
        chunk.free = True
        self.chunks[chunk.address] = chunk
        bisect.insort(self.keys[chunk.small], (chunk.size, chunk.address))

    def remove(self, chunk: _Chunk) -> None:
        keys = self.keys[chunk.small]
        keys.pop(bisect.bisect_left(keys, (chunk.size, chunk.address)))
        del self.chunks[chunk.address]


class CachingAllocator:
    """The allocator's state: ``allocated`` and ``reserved`` are its two statistics, in bytes."""

    def __init__(self) -> None:
        self.allocated = 0
        self.reserved = 0
        self._pools = _Pools()

    def allocate(self, size: int) -> _Chunk | None:
        """A chunk of at least ``size`` bytes; None for an empty request, which takes nothing."""
        if size == 0:
            return None
        size = rounded(size)
        small = size <= _SMALL
        chunk = self._pools.take(size, small) or self._segment(size, small)
        rest = chunk.size - size
        if rest >= _ROUNDING if small else rest > _SMALL:
            remainder = _Chunk(chunk.address + size, rest, small, before=chunk, after=chunk.after)
            if chunk.after is not None:
                chunk.after.before = remainder
            chunk.after, chunk.size = remainder, size
            self._pools.put(remainder)
        chunk.free = False
        self.allocated += chunk.size
        return chunk

    def release(self, chunk: _Chunk | None) -> None:
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

    def _segment(self, size: int, small: bool) -> _Chunk:
        if small:
            total = 2 * MIB
        elif size < 10 * MIB:
            total = 20 * MIB
        else:
            total = -(-size // (2 * MIB)) * 2 * MIB
        chunk = _Chunk(self.reserved, total, small)
        self.reserved += total
        return chunk


def rounded(size: int) -> int:
    """Bytes that a request of ``size`` bytes takes at least: a multiple of 512."""
    return -(-size // _ROUNDING) * _ROUNDING


@dataclass(frozen=True, slots=True)
class Peak:
    """The moment of a step at which most is allocated, all in bytes.

    ``components`` and ``modules`` are what the blocks of that moment asked for, rounded to 512
    bytes; ``unsplit`` is what the allocator counts beyond, for blocks too large for their request.
    """

    allocated: int
    reserved: int
    """The highest over the whole step, not only up to this moment."""
    place: Place
    components: dict[str, int]
    modules: dict[tuple[str, str], int]
    """By component and module."""
    unsplit: int
    resident: int
    """Allocated before the step begins."""


def peak(trace: Trace, exact: bool = False) -> Peak:
    """Replay a trace. With ``exact``, bytes are counted as asked for, without an allocator."""
    allocator = CachingAllocator()
    chunks: dict[int, _Chunk | None] = {}
    asked = highest = moment = resident = 0
    place = Place("resident")
    for number, (at, event) in enumerate(trace.events()):
        block = event.block
        if event.allocates:
            asked += block.bytes
            chunks[id(block)] = None if exact else allocator.allocate(block.bytes)
            now = asked if exact else allocator.allocated
            if at.phase == "resident":
                resident = now
            if now > highest:
                highest, moment, place = now, number, at
        else:
            asked -= block.bytes
            allocator.release(chunks.pop(id(block)))
    components, modules = _alive(trace, moment, exact)
    return Peak(
        allocated=highest,
        reserved=highest if exact else allocator.reserved,
        place=place,
        components=components,
        modules=modules,
        unsplit=highest - sum(components.values()),
        resident=resident,
    )


def _alive(
    trace: Trace, moment: int, exact: bool
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """What is allocated just after event number ``moment``."""
    alive: dict[int, Block] = {}
    for number, (_, event) in enumerate(trace.events()):
        if number > moment:
            break
        if event.allocates:
            alive[id(event.block)] = event.block
        else:
            del alive[id(event.block)]
    components: Counter[str] = Counter()
    modules: Counter[tuple[str, str]] = Counter()
    for block in alive.values():
        size = block.bytes if exact else rounded(block.bytes)
        components[block.component] += size
        modules[block.component, block.module] += size
    return dict(components), dict(modules)
