"""The source lines under a finding, with carets under the exact span."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import east_asian_width

from qlint.findings import Location
from qlint.inputs.sources import Sources
from qlint.reporters.layout import Line, plain

MAXIMUM_COLUMNS = 200
"""A longer line, such as minified data, is left out rather than printed."""


def excerpt(location: Location, sources: Sources) -> Iterator[Line]:
    """Yield the line a finding starts on, marked; nothing where it cannot be shown."""
    number = location.line
    if location.cell is not None:
        source = sources.cell_line(location.path, location.cell, number)
    else:
        source = sources.line(location.path, number)
    if source is None or len(source) > MAXIMUM_COLUMNS:
        return
    gutter = " " * len(str(number))
    yield plain(f"{gutter} |", "dim")
    yield [(f"{number} | ", "dim"), (source.expandtabs(1), "")]
    start = min(location.column - 1, len(source))
    if location.end_line in (None, location.line):
        end = location.end_column - 1 if location.end_column else start + 1
    else:
        end = len(source.rstrip())
    marked = source[start:end]
    margin = " " * _columns(source[:start])
    yield [(f"{gutter} | ", "dim"), (margin + "^" * max(1, _columns(marked)), "caret")]


def _columns(text: str) -> int:
    """Count the columns a terminal takes: two for a wide character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
