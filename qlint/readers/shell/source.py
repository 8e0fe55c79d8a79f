"""Shell text that knows where each of its characters stands, also when it was put together."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from qlint.recipe import Origin, Source

if TYPE_CHECKING:
    from qlint.readers.places import LineMap
    from qlint.readers.shell.values import Segment, Value


class SourceText:
    """A text of the input. ``places`` is given where it stands within another input."""

    def __init__(self, text: str, shown: str, places: LineMap | None = None) -> None:
        self.text = text
        self.shown = shown
        self.places = places
        self.stand_ins: dict[str, Segment] = {}
        """Characters that stand for text that is not known."""
        self._starts: list[int] | None = None

    def written(self, start: int, end: int) -> str:
        """A stretch as it stands in the input."""
        return self.text[start:end]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column within the text, from 1."""
        if self._starts is None:
            starts, found = [0], self.text.find("\n")
            while found >= 0:
                starts.append(found + 1)
                found = self.text.find("\n", found + 1)
            self._starts = starts
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def origin(self, start: int, end: int, via: str | None = None) -> Origin:
        """Where a stretch of the text stands."""
        line, column = self.position(start)
        end_line, end_column = self.position(end)
        if self.places is None:
            return Origin(
                self.shown, line, column, via=via, end_line=end_line, end_column=end_column
            )
        first, last = self.places.place(line), self.places.place(end_line)
        return Origin(
            first.path or self.shown,
            first.line,
            column + first.shift,
            first.cell,
            first.physical_line,
            via,
            last.line,
            end_column + last.shift,
        )

    def stations(self, start: int, end: int, via: str | None) -> tuple[Origin, ...]:
        """The stations that a stretch of the text went through; here one."""
        return (self.origin(start, end, via),)

    def source(self, offset: int) -> Source:
        """The place of a command."""
        at = self.origin(offset, offset)
        return Source(self.shown, at.line or 1, at.column or 1, at.cell, at.physical_line)

    def line_of(self, offset: int) -> int:
        """The line, as the report counts it."""
        return self.origin(offset, offset).line or 1


class ComposedText(SourceText):
    """Text that a value holds and that the shell runs: ``eval "$CMD"``, ``bash -c "..."``.

    All of it stands where it is run; its parts came there by the stations of the value.
    """

    def __init__(self, value: Value, station: Origin) -> None:
        self._segments = [_standing(number, one) for number, one in enumerate(value.segments)]
        text = "".join(segment.text for segment in self._segments)
        super().__init__(text, station.path or "")
        for stand_in, segment in zip(self._segments, value.segments, strict=True):
            if stand_in is not segment:
                self.stand_ins[stand_in.text] = segment
        self.station = station
        self._ends = list(accumulate(len(segment.text) for segment in self._segments))

    def written(self, start: int, end: int) -> str:
        """A stretch of the text, unknown parts as they are written in the input."""
        stretch = self.text[start:end]
        return "".join(
            self.stand_ins[one].text if one in self.stand_ins else one for one in stretch
        )

    def origin(self, start: int, end: int, via: str | None = None) -> Origin:
        """The place where the text is run."""
        at = self.station
        return Origin(
            at.path,
            at.line,
            at.column,
            at.cell,
            at.physical_line,
            via or at.via,
            at.end_line,
            at.end_column,
        )

    def stations(self, start: int, end: int, via: str | None) -> tuple[Origin, ...]:
        """Where the parts of a stretch were decided, and where it is run."""
        found: list[Origin] = []
        number = bisect_right(self._ends, start)
        while number < len(self._segments):
            segment = self._segments[number]
            first = self._ends[number] - len(segment.text)
            if first >= end and number:
                break
            piece = segment.slice(max(start - first, 0), min(end - first, len(segment.text)))
            found += [one for one in piece.origins if one not in found]
            number += 1
        return (*found, self.origin(start, end, via))


FIRST_STAND_IN = 0xE000
"""The first of the characters of Unicode's private use that stand for what is not known."""

MOST_STAND_INS = 6_000


def _standing(number: int, segment: Segment) -> Segment:
    """A segment, or one character that stands for it where it is not known."""
    if segment.unknown is None or number >= MOST_STAND_INS:
        return segment
    return replace(segment, text=chr(FIRST_STAND_IN + number), unknown=None)
