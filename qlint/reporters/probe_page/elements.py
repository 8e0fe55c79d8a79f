"""What the sections of the page share: sentences, bars and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from qlint.reporters import svg
from qlint.reporters.probe_figures import Row, largest
from qlint.rulebook.wording import percent, size

MODULES = 16
"""Rows shown; the JSON report has them all."""
NEGLIGIBLE = 0.01
"""Of the largest amount: a bar that nobody would see."""


def sentence(text: str) -> str:
    """Text as a sentence of the page."""
    shown = escape(text[:1].upper() + text[1:])
    return shown if shown.endswith(".") else f"{shown}."


def path(name: str) -> str:
    """The name of a module, which may be broken after a dot."""
    return escape(name).replace(".", ".<wbr>")


def bars(title: str, rows: Sequence[Row]) -> Iterator[str]:
    """Named amounts, each with a bar and in words; nothing without rows."""
    if not rows:
        return
    top = max(row.amount for row in rows) or 1
    if title:
        yield f"<h3>{escape(title)}</h3>"
    notes = any(row.note for row in rows)
    yield "<table>"
    for row in rows:
        drawn = svg.bar([svg.Segment(row.words, max(0.0, row.amount) / top, 1)], row.words)
        note = f'<td class="note">{escape(row.note)}</td>' if notes else ""
        yield (
            f'<tr><th scope="row">{path(row.name)}</th><td>{drawn}</td>'
            f'<td class="amount">{escape(row.words)}</td>{note}</tr>'
        )
    yield "</table>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows under their heads, the first cell of each its name; nothing without rows."""
    if not rows:
        return
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    yield f'<div class="plot"><table class="facts"><thead><tr>{cells}</tr></thead>'
    for first, *others in rows:
        data = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        yield f'<tr><th scope="row">{escape(first)}</th>{data}</tr>'
    yield "</table></div>"


def shares(amounts: Any) -> list[Row]:
    """The largest of named shares."""
    return [Row(name, share, percent(share)) for name, share in largest(amounts, MODULES)]


def sizes(amounts: Any) -> list[Row]:
    """The largest of named bytes."""
    return [
        Row(name, amount, size(amount))
        for name, amount in largest(amounts, MODULES)
        if amount >= NEGLIGIBLE * max(amounts.values())
    ]
