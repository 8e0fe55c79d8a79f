"""Graphics cards: what a process can use of their memory, how fast it is, and whether they know
bfloat16.

The rows stand in ``data/gpus.json``. A card never offers all the memory that it is sold with: the
driver and error correction keep some. What is left is what PyTorch calls the total capacity in its
out-of-memory messages; the CUDA context comes out of it too, and is counted with the run.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache

from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.records import Record

_DATA = os.path.join(os.path.dirname(__file__), "data", "gpus.json")
_MEBIBYTE = 2**20
_SHARE_OF_NOMINAL = 0.985
"""Of a card that is known by its size alone, as of an RTX 3090 or 4090: 23.6 of 24 GiB."""
_LARGEST_GIBIBYTES = 4096
_MOST_CARDS = 4096


class Card(Record):
    """One graphics card. ``bandwidth`` is in bytes a second, None where only the size is known."""

    name: str
    usable_bytes: int
    bandwidth: int | None = None
    bfloat16: bool = True

    @property
    def kept_bytes(self) -> int:
        """What the driver keeps of the card's memory, which is whole gibibytes. NVML, and so most
        tools, count it as used ("Sum of Reserved and Allocated", ``nvmlMemory_t``)."""
        return -(-self.usable_bytes // 2**30) * 2**30 - self.usable_bytes


def find_card(text: str) -> Card | None:
    """A card by its name (``rtx4090``, ``A100-80GB``) or size (``24GB``), None if unknown."""
    name = text.strip()
    size = _SIZE.fullmatch(name.casefold())
    if size is None:
        return _by_name().get(_plain(name))
    gibibytes = float(size[1])
    if not 0 < gibibytes <= _LARGEST_GIBIBYTES:
        return None
    return Card(name, int(gibibytes * _SHARE_OF_NOMINAL * 2**30))


_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s?(?:gib|gb|g)")


def parse_cards(text: str) -> tuple[int, Card]:
    """How many cards of which kind ``24GB``, ``rtx4090``, ``2x24GB`` or ``4 x A100-80GB`` means.

    Raises:
        UsageError: Nobody knows such a card.
    """
    several = re.fullmatch(r"\s*(\d{1,5})\s*[x*]\s*(.+)", text, re.IGNORECASE)
    number, name = (int(several[1]), several[2]) if several else (1, text)
    card = find_card(name)
    if card is None or not 0 < number <= _MOST_CARDS:
        near = did_you_mean(name, [card.name for card in all_cards()])
        raise UsageError(
            f"the card {text[:60]!r} is not known{near}; give its memory instead, as 24GB or 2x24GB"
        )
    return number, card


def smallest_card(needed_bytes: int) -> str | None:
    """The size of the smallest usual card that offers so many bytes; None where none does."""
    gibibytes = needed_bytes / (_SHARE_OF_NOMINAL * 2**30)
    usual = (8, 12, 16, 24, 32, 40, 48, 80, 96, 141, 180)
    return next((f"{size}GB" for size in usual if gibibytes <= size), None)


@lru_cache(maxsize=1)
def all_cards() -> tuple[Card, ...]:
    """Every card of the table, in its order."""
    return tuple(card for _, card in _rows())


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[tuple[str, ...], Card], ...]:
    with open(_DATA, encoding="utf-8") as file:
        table = json.load(file)
    return tuple(
        (
            (row["name"], *row["names"]),
            Card(
                row["name"],
                row["usable_mebibytes"] * _MEBIBYTE,
                row["bandwidth_gb_s"] * 10**9,
                row["bf16"],
            ),
        )
        for row in table["gpus"]
    )


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Card]:
    return {_plain(name): card for names, card in _rows() for name in names}


def _plain(name: str) -> str:
    words = re.sub(r"[^a-z0-9.]", "", name.casefold()).removeprefix("nvidia")
    return words.removeprefix("geforce").removeprefix("tesla")
