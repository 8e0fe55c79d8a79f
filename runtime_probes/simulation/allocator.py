"""A trace run through the rules of PyTorch's caching allocator: where its peak stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from qlint.memory.allocator import CachingAllocator, Chunk, rounded_up

from .trace import Block, Place, Trace


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
    chunks: dict[int, Chunk | None] = {}
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
        size = block.bytes if exact else rounded_up(block.bytes)
        components[block.component] += size
        modules[block.component, block.module] += size
    return dict(components), dict(modules)
