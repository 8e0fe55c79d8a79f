"""Text as lines of styled pieces, built once and then printed plainly or in colour."""

from __future__ import annotations

from collections.abc import Iterable

from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Style: TypeAlias = (
    "Literal['', 'path', 'code', 'error', 'warning', 'info', 'caret', 'dim', 'bold', 'bar']"
)
Piece: TypeAlias = "tuple[str, Style]"
Line: TypeAlias = "list[Piece]"

WIDTH = 100
"""Long sentences are wrapped at this column, on every terminal alike."""


def plain(text: str, style: Style = "") -> Line:
    """Return a line of one piece."""
    return [(text, style)]


def paragraph(label: str, text: str, indent: int) -> Iterable[Line]:
    """Yield ``label: text``, wrapped, with its further lines set under the text."""
    # Imported here: a clean run lays out no paragraph.
    from textwrap import wrap

    head = f"{label}: "
    room = WIDTH - indent - len(head)
    margin = " " * indent
    for number, part in enumerate(wrap(text, room, break_long_words=False) or [""]):
        if number == 0:
            yield [(margin, ""), (head, "bold"), (part, "")]
        else:
            yield plain(margin + " " * len(head) + part)
