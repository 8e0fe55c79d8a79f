"""What the allocator reserves for a step: the replayed step run through its rules.

A segment that was cut up for one stretch of the step may be useless for the next, whose tensors are
larger; so more is reserved than is ever allocated at a time. Every layer asks for the same again,
so a few of them stand for all. When a card is full, PyTorch gives unused segments back before it
fails: a run that fits only without them still runs, slower.
"""

from __future__ import annotations

from collections.abc import Iterable

from qlint.memory.allocator import CachingAllocator, Chunk
from qlint.memory.step.ledger import Event
from qlint.memory.step.walk import Replay, Walk

_LAYERS = 6


def unused_bytes(walked: Walk) -> int:
    """Bytes that are reserved beyond the most that is allocated in a step."""
    layers = _representatives(walked.layers)
    replayed = _Replayed()
    for at, layer in enumerate(layers):
        replayed.run(at, layer.forward)
    replayed.run(-1, walked.head.forward)
    replayed.run(-1, walked.head.backward)
    for at, layer in reversed(tuple(enumerate(layers))):
        replayed.run(at, layer.backward)
    return replayed.allocator.reserved - replayed.peak


class _Replayed:
    """An allocator, and who holds which of its blocks."""

    def __init__(self) -> None:
        self.allocator = CachingAllocator()
        self.peak = 0
        self._held: dict[tuple[int, int], Chunk | None] = {}

    def run(self, at: int, events: Iterable[Event]) -> None:
        """Replay events of the stretch ``at``; a block that only changes its kind stays."""
        following = list(events)
        held, allocator = self._held, self.allocator
        index = 0
        while index < len(following):
            _, size, number = following[index]
            index += 1
            if size > 0:
                held[at, number] = allocator.allocate(size)
                self.peak = max(self.peak, allocator.allocated)
            elif index < len(following) and following[index][2] == number:
                index += 1
            elif (at, number) in held:
                allocator.release(held.pop((at, number)))


def _representatives(layers: tuple[Replay, ...]) -> tuple[Replay, ...]:
    """The first layers and the last ones."""
    half = _LAYERS // 2
    return layers if len(layers) <= _LAYERS else (*layers[:half], *layers[-half:])
