"""What a training step allocates and frees, in order, and the same for more layers than were run.

A trace is cut into segments: one for each layer going forward, one for each going backward, and
those of the embedding, the loss and the optimizer between them. Layers of one shape do the same in
the same order, so that a step of 32 layers follows from one of five: the middle layer's segments
are repeated, and what a segment frees is found at the same distance as in the run. Where the
middle layers of the run are not alike, there is no such trace, and :class:`NotUniform` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal[
    "resident",
    "forward start",
    "forward",
    "loss",
    "backward of loss",
    "backward",
    "backward end",
    "optimizer step",
]


@dataclass(frozen=True, slots=True)
class Place:
    """A segment of the step. ``layer`` is None outside the repeated layers."""

    phase: Phase
    layer: int | None = None

    def __str__(self) -> str:
        return self.phase if self.layer is None else f"{self.phase} of layer {self.layer}"


@dataclass(slots=True)
class Block:
    """One allocation: its bytes as asked for, what it is, and the module that asked."""

    bytes: int
    component: str
    module: str
    place: Place
    ordinal: int
    """Its number among the allocations at its place."""


@dataclass(frozen=True, slots=True)
class Event:
    """A block comes (``allocates``) or goes."""

    block: Block
    allocates: bool


@dataclass(slots=True)
class Segment:
    """What happens at one place, in order."""

    place: Place
    events: list[Event] = field(default_factory=list)


class NotUniform(Exception):
    """The middle layers of the run do not behave alike; all layers must be run."""


@dataclass(slots=True)
class Trace:
    """The segments of one step in order, beginning with what is resident all the time."""

    segments: list[Segment] = field(default_factory=list)
    _allocations: Counter[Place] = field(default_factory=Counter)

    def enter(self, place: Place) -> None:
        """From now on, events belong to ``place``."""
        if not self.segments or self.segments[-1].place != place:
            self.segments.append(Segment(place))

    def allocate(self, size: int, component: str, module: str) -> Block:
        """Record an allocation of ``size`` bytes here."""
        segment = self.segments[-1]
        block = Block(size, component, module, segment.place, self._allocations[segment.place])
        self._allocations[segment.place] += 1
        segment.events.append(Event(block, True))
        return block

    def release(self, block: Block) -> None:
        """Record that ``block`` is freed here."""
        self.segments[-1].events.append(Event(block, False))

    def events(self) -> Iterator[tuple[Place, Event]]:
        """All events in order, each with its place."""
        for segment in self.segments:
            for event in segment.events:
                yield segment.place, event

    def with_layers(self, layers: int) -> Trace:
        """The trace of a model of ``layers`` layers, at least as many as were run.

        Raises:
            NotUniform: The middle layers differ, or something reaches farther than its neighbours.
        """
        return _Splice(self, layers).trace()


class _Splice:
    """Repeats the middle layer of a run until there are ``layers`` of them."""

    def __init__(self, run: Trace, layers: int) -> None:
        self.run = run
        self.run_layers = 1 + max((s.place.layer or 0 for s in run.segments), default=0)
        self.layers = layers
        self.middle = self.run_layers // 2
        self.blocks: dict[tuple[Place, int], Block] = {}
        if layers < self.run_layers or (layers > self.run_layers and self.run_layers < 5):
            raise NotUniform(f"{layers} layers do not follow from {self.run_layers}")

    def trace(self) -> Trace:
        self._check_middle()
        result = Trace()
        pending: dict[int, Segment] = {}
        for segment in self.run.segments:
            layer = segment.place.layer
            if layer is None:
                self._copy(segment, None, result)
                continue
            pending[layer] = segment
            if len(pending) < self.run_layers:
                continue
            descending = segment.place.layer == 0 and self.run_layers > 1
            order = range(self.layers)
            for number in reversed(order) if descending else order:
                self._copy(pending[self._source(number)], number, result)
            pending = {}
        if pending:
            raise NotUniform("a layer is missing in one direction")
        return result

    def _source(self, layer: int) -> int:
        """The layer of the run that ``layer`` is a copy of."""
        after = self.run_layers - 1 - self.middle
        if layer < self.middle:
            return layer
        if layer >= self.layers - after:
            return self.run_layers - (self.layers - layer)
        return self.middle

    def _copies(self, run_layer: int) -> range:
        """The layers that are copies of ``run_layer``."""
        after = self.run_layers - 1 - self.middle
        if run_layer < self.middle:
            return range(run_layer, run_layer + 1)
        if run_layer > self.middle:
            number = self.layers - (self.run_layers - run_layer)
            return range(number, number + 1)
        return range(self.middle, self.layers - after)

    def _copy(self, segment: Segment, layer: int | None, result: Trace) -> None:
        place = Place(segment.place.phase, layer)
        result.enter(place)
        for event in segment.events:
            block = event.block
            if event.allocates:
                self.blocks[place, block.ordinal] = result.allocate(
                    block.bytes, block.component, block.module
                )
                continue
            for owner in self._owners(block, segment.place.layer, layer):
                freed = self.blocks.pop((Place(block.place.phase, owner), block.ordinal), None)
                if freed is None or freed.bytes != block.bytes:
                    raise NotUniform(f"{place} frees what {block.place} does not leave")
                result.release(freed)

    def _owners(
        self, block: Block, run_layer: int | None, layer: int | None
    ) -> list[int | None] | range:
        """The layers whose copy of ``block`` is freed by ``layer``, the copy of ``run_layer``."""
        owner = block.place.layer
        if owner is None:
            return [None]
        if run_layer is None or layer is None:
            return self._copies(owner)
        return [layer + owner - run_layer]

    def _check_middle(self) -> None:
        if self.layers == self.run_layers:
            return
        middle: dict[Phase, Segment] = {}
        beside: list[Segment] = []
        for segment in self.run.segments:
            if segment.place.layer == self.middle:
                middle[segment.place.phase] = segment
            elif segment.place.layer in (self.middle - 1, self.middle + 1):
                beside.append(segment)
        for segment in beside:
            if not self._alike(segment, middle[segment.place.phase]):
                raise NotUniform(f"the middle layers differ in the {segment.place.phase} phase")

    def _alike(self, one: Segment, other: Segment) -> bool:
        if len(one.events) != len(other.events):
            return False
        return all(
            self._same(first, one.place, second, other.place)
            for first, second in zip(one.events, other.events, strict=True)
        )

    def _same(self, first: Event, here: Place, second: Event, there: Place) -> bool:
        """Whether two layers do the same, seen from each.

        The first and the last layer allocate more or less than the others, so that the same block
        has another number in them; their blocks go by size alone.
        """
        one, other = first.block, second.block
        ends = (0, self.run_layers - 1)
        return (
            first.allocates == second.allocates
            and one.bytes == other.bytes
            and one.place.phase == other.place.phase
            and _distance(one, here) == _distance(other, there)
            and (
                one.ordinal == other.ordinal or one.place.layer in ends or other.place.layer in ends
            )
        )


def _distance(block: Block, place: Place) -> int | None:
    owner, layer = block.place.layer, place.layer
    return None if owner is None or layer is None else owner - layer
