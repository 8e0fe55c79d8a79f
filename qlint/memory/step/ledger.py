"""What is allocated on the card, as a trace of allocations and releases by kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

BLOCK = 512
"""The allocator rounds each tensor up to this many bytes
(``kMinBlockSize`` in ``c10/cuda/CUDACachingAllocator.cpp``)."""

Amounts = dict[str, int]
"""Bytes by kind."""


class Ledger:
    """Records every allocation (positive) and release (negative) with its kind."""

    __slots__ = ("events", "kind")

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
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
        rounded = [rounded_up(size) for size in sizes]
        self.events += [(kind, size) for size in rounded]
        self.events += [(kind, -size) for size in rounded]


class Storage:
    """Bytes on the card, for as long as something refers to them."""

    __slots__ = ("bytes", "kind", "ledger")

    def __init__(self, ledger: Ledger, size: int, kind: str | None = None) -> None:
        self.ledger = ledger
        self.bytes = rounded_up(size)
        self.kind = kind or ledger.kind
        ledger.events.append((self.kind, self.bytes))

    def recharge(self, kind: str) -> None:
        """Count these bytes as another kind from here on."""
        if kind != self.kind:
            self.ledger.events += [(self.kind, -self.bytes), (kind, self.bytes)]
            self.kind = kind

    def __del__(self) -> None:
        self.ledger.events.append((self.kind, -self.bytes))


def rounded_up(size: int) -> int:
    """Bytes that the allocator takes for a tensor of this size."""
    return -(-size // BLOCK) * BLOCK


def balance(events: list[tuple[str, int]]) -> Amounts:
    """What is left after all events, by kind."""
    left: Amounts = {}
    for kind, size in events:
        left[kind] = left.get(kind, 0) + size
    return {kind: size for kind, size in left.items() if size}


def highest(events: list[tuple[str, int]]) -> tuple[int, Amounts]:
    """The largest sum on the way, counted from zero, and what it is made of."""
    total = peak = at = 0
    for index, (_, size) in enumerate(events):
        total += size
        if total > peak:
            peak, at = total, index + 1
    return peak, balance(events[:at])
