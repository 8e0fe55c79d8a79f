"""The cards that a plan is for."""

from __future__ import annotations

from qlint.records import Record


class Cards(Record):
    """What to train on: ``count`` cards with ``usable_bytes`` each, all that a process can get."""

    name: str
    usable_bytes: int
    count: int = 1
    bfloat16: bool = True
