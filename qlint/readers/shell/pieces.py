"""Pieces of a word after expansion, and how they part into words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from qlint.readers.shell.values import Segment


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word after expansion; quoted pieces are not split and name no files."""

    segment: Segment
    quoted: bool
    splits: bool = False


BREAK = None
"""Stands between the words that ``"$@"`` makes."""


def split(pieces: list[Piece | None], separators: str | None) -> list[list[Piece]]:
    """The pieces of each word: unquoted expansions are parted at blanks."""
    fields: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece is BREAK:
            fields.append([])
        elif not piece.splits or piece.segment.unknown is not None or separators is None:
            if piece.segment.text or piece.quoted or piece.segment.unknown is not None:
                fields[-1].append(piece)
        else:
            position = 0
            for first, last in _stretches(piece.segment.text, separators):
                if first > position:
                    fields.append([])
                fields[-1].append(replace(piece, segment=piece.segment.slice(first, last)))
                position = last
            if position < len(piece.segment.text):
                fields.append([])
    return [field for field in fields if field]


def _stretches(text: str, separators: str) -> Iterator[tuple[int, int]]:
    """Where the words of a text start and end. Empty ones between commas are not kept."""
    if not separators:
        yield 0, len(text)
        return
    for found in re.finditer(f"[^{re.escape(separators)}]+", text):
        yield found.span()


def short(text: str) -> str:
    """A text on one line, cut to what a message bears."""
    text = re.sub(r"\s+", " ", text[:400]).strip()
    return text if len(text) <= 80 else text[:77] + "..."
