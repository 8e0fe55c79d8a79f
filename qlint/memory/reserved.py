"""What the allocator reserves for a step: the replayed step run through its rules.

A segment that was cut up for one stretch of the step may be useless for the next, whose tensors are
larger; so more is reserved than is ever allocated at a time. Every layer asks for the same again,
so a few of them stand for all. When a card is full, PyTorch gives wholly unused segments back before
it fails: a run that fits only without them still runs, slower. So whether a run fits is decided by
what stands in segments that are in use.
"""

from __future__ import annotations

from dataclasses import dataclass

from qlint.memory.allocator import CachingAllocator, Chunk
from qlint.memory.step.ledger import Event
from qlint.memory.step.walk import Replay, Walk

_LAYERS = 6


@dataclass(frozen=True, slots=True)
class Unused:
    """Bytes beyond the most that is allocated in a step: ``reserved`` where the card has room, and
    ``pinned`` where it has none, because something in the same segment is in use."""

    reserved: int
    pinned: int


def unused_bytes(walked: Walk) -> Unused:
    """What a step's segments hold beside its tensors."""
    allocator = CachingAllocator()
    stretches = [*_representatives(walked.layers), walked.head]
    requests = {id(one): (_requests(one.forward), _requests(one.backward)) for one in stretches}
    held: list[dict[int, Chunk | None]] = [{} for _ in stretches]
    for at, stretch in enumerate(stretches):
        _run(allocator, requests[id(stretch)][0], held[at])
    for at, stretch in reversed(tuple(enumerate(stretches))):
        _run(allocator, requests[id(stretch)][1], held[at])
    return Unused(
        allocator.reserved - allocator.peak, max(0, allocator.pinned_peak - allocator.peak)
    )


_Request = tuple[int, int]
"""Bytes to allocate, or 0 to release, and the number of the block."""


def _requests(events: tuple[Event, ...]) -> list[_Request]:
    """What the allocator sees of these events: a block that only changes its kind stays."""
    seen: list[_Request] = []
    previous = -1
    for _, size, number in events:
        if size > 0 and number == previous:
            seen.pop()
        else:
            seen.append((max(size, 0), number))
        previous = number if size <= 0 else -1
    return seen


def _run(
    allocator: CachingAllocator, requests: list[_Request], held: dict[int, Chunk | None]
) -> None:
    allocate, release = allocator.allocate, allocator.release
    for size, number in requests:
        if size:
            held[number] = allocate(size)
        elif number in held:
            release(held.pop(number))


def _representatives(layers: tuple[Replay, ...]) -> tuple[Replay, ...]:
    """The first layers and the last ones."""
    half = _LAYERS // 2
    return layers if len(layers) <= _LAYERS else (*layers[:half], *layers[-half:])
