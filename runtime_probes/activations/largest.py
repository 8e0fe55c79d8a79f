"""The largest length and batch that fit a card, and the smallest card that fits the run's own.

What is reported was run: a prediction from the points that are known says where to begin only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from qlint.knowledge.gpus import Card, all_cards

_MOST_RUNS = 6
_CLOSE = 0.05
"""Two sizes, one that fits and one that does not, are this near: the search is over."""


class Largest(NamedTuple):
    """``fits`` is the largest that ran, ``fails`` the smallest that did not; None if all did."""

    fits: int
    fails: int | None
    peak_bytes: int | None


def largest(
    peak_at: Callable[[int], int | None],
    known: tuple[int, int],
    guess: int,
    step: int,
    limit: int,
    allowed: Callable[[int], bool] = lambda size: True,
) -> Largest:
    """Search multiples of ``step`` from ``known``, a size that fits with its peak, up to ``limit``.

    ``peak_at`` runs a size and gives its peak, or None where it does not fit. The search ends
    before a size that is not ``allowed``.
    """
    found = Largest(known[0], None, known[1])
    size = guess
    for _ in range(_MOST_RUNS):
        size = _between(found, size, step, limit)
        if size <= found.fits or not allowed(size):
            break
        peak = peak_at(size)
        found = found._replace(fails=size) if peak is None else Largest(size, found.fails, peak)
        if found.fails is None:
            size = found.fits + max(step, found.fits // 8)
        elif found.fails - found.fits > max(step, found.fits * _CLOSE):
            size = (found.fits + found.fails) // 2
        else:
            break
    return found


def _between(found: Largest, size: int, step: int, limit: int) -> int:
    """``size`` rounded down to a multiple of ``step``, and between what fits and what does not."""
    size = min(size // step * step, limit)
    if found.fails is not None and size >= found.fails:
        size = found.fails - step
    return max(size, min(found.fits + step, limit))


def guessed(capacity: int, size: int, peak: int, bytes_per_unit: float, margin: float) -> int:
    """Where a straight line reaches ``capacity`` less its ``margin``."""
    if bytes_per_unit <= 0:
        return size
    return size + max(0, int((capacity * (1 - margin) - peak) / bytes_per_unit))


def smaller_cards(below: int) -> Iterable[Card]:
    """Of the cards with less memory than ``below``, one of each size, the smallest first."""
    known: dict[int, Card] = {}
    for card in sorted(all_cards(), key=lambda card: card.usable_bytes):
        known.setdefault(round(card.usable_bytes / 2**30), card)
    return [card for card in known.values() if card.usable_bytes < below]
