"""What is allocated on the card, as a trace of allocations and releases by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from qlint.memory.allocator import rounded_up

Amounts = dict[str, int]
"""Bytes by kind."""


Event = tuple[str, int, int]
"""A kind, bytes (negative where they are released), and the number of the allocation."""


class Ledger:
    """Records every allocation and release."""

    __slots__ = ("events", "kind")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.kind = "activations"

    @contextmanager
    def charging(self, kind: str) -> Iterator[None]:
        """Charge what is allocated inside to ``kind``."""
        before, self.kind = self.kind, kind
        try:
            yield
        finally:
            self.kind = before

    def transient(self, kind: str, *sizes: int) -> None:
        """Allocate these sizes at once and release them again: the inside of one operation."""
        held = [Storage(self, size, kind) for size in sizes]
        held.clear()


class Storage:
    """Bytes on the card, for as long as something refers to them."""

    __slots__ = ("bytes", "kind", "ledger", "number")

    def __init__(self, ledger: Ledger, size: int, kind: str | None = None) -> None:
        events = ledger.events
        self.ledger = ledger
        self.bytes = rounded = rounded_up(size)
        self.kind = kind = kind or ledger.kind
        # The place of an allocation in the record is a number that no other has.
        self.number = number = len(events)
        events.append((kind, rounded, number))

    def recharge(self, kind: str) -> None:
        """Count these bytes as another kind from here on: a release and an allocation of the same
        block."""
        if kind != self.kind:
            self.ledger.events += [
                (self.kind, -self.bytes, self.number),
                (kind, self.bytes, self.number),
            ]
            self.kind = kind

    def __del__(self) -> None:
        self.ledger.events.append((self.kind, -self.bytes, self.number))


def balance(events: Iterable[Event]) -> Amounts:
    """What is left after all events, by kind."""
    left: Amounts = {}
    for kind, size, _ in events:
        left[kind] = left.get(kind, 0) + size
    return {kind: size for kind, size in left.items() if size}


def highest(events: Sequence[Event]) -> tuple[int, Amounts]:
    """The largest sum on the way, counted from zero, and what it is made of."""
    total = peak = at = 0
    for index, (_, size, _) in enumerate(events):
        total += size
        if total > peak:
            peak, at = total, index + 1
    return peak, balance(events[:at])


def added(*parts: Amounts) -> Amounts:
    """All of them together."""
    total: Amounts = {}
    for part in parts:
        for kind, size in part.items():
            total[kind] = total.get(kind, 0) + size
    return total


def less(whole: Amounts, part: Amounts) -> Amounts:
    """The first without the second."""
    return added(whole, {kind: -size for kind, size in part.items()})
