"""Text as lines of styled pieces, built once and then printed plainly or in colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Style: TypeAlias = (
    "Literal['', 'path', 'code', 'error', 'warning', 'info', 'caret', 'dim', 'bold', 'bar']"
)
Piece: TypeAlias = "tuple[str, Style]"
Line: TypeAlias = "list[Piece]"

WIDTH = 100
"""Long sentences are wrapped at this column, or at the edge of a terminal that is narrower."""
_NARROWEST = 40
_width = WIDTH


def narrowed(lines: Iterable[Line], columns: int) -> Iterator[Line]:
    """``lines``, which are laid out as they are asked for, for a terminal of so many columns."""
    global _width
    before, _width = _width, min(WIDTH, max(_NARROWEST, columns))
    try:
        yield from lines
    finally:
        _width = before


def spare_columns(used: int) -> int:
    """Columns that a line has left behind ``used`` ones."""
    return max(0, _width - used)


def plain(text: str, style: Style = "") -> Line:
    """Return a line of one piece."""
    return [(text, style)]


def paragraph(label: str, text: str, indent: int) -> Iterable[Line]:
    """Yield ``label: text``, wrapped, with its further lines set under the text."""
    head = f"{label}: "
    room = max(_NARROWEST // 2, spare_columns(indent + len(head)))
    margin = " " * indent
    for number, part in enumerate(_wrapped(text, room)):
        if number == 0:
            yield [(margin, ""), (head, "bold"), (part, "")]
        else:
            yield plain(margin + " " * len(head) + part)


def _wrapped(text: str, room: int) -> list[str]:
    """``text`` broken between words into lines of at most ``room`` columns, if a word has room.

    As ``textwrap`` does, but for hyphens, where no line is broken; its import alone takes
    a millisecond of a plan.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and len(longer) > room:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]
