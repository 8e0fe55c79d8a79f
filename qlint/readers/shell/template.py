"""Shell text that another language fills in first: a recipe of a Makefile, a line of a notebook.

What is filled in is a value with its own stations, used where the placeholder stands. What is not
known takes part as a single character that stands for it, so that the shell can read the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from qlint.readers.shell.source import FIRST_STAND_IN, MOST_STAND_INS, SourceText
from qlint.readers.shell.values import Segment, Value
from qlint.recipe import Origin


class _Stretch(NamedTuple):
    """A stretch of the text: from ``start`` on in the base, filled in by ``segment`` if any."""

    text: str
    start: int
    end: int
    segment: Segment | None


class TemplateText(SourceText):
    """A text put together from stretches of a ``base`` and of values filled in."""

    def __init__(self, base: SourceText) -> None:
        super().__init__("", base.shown)
        self.base = base
        self._stretches: list[_Stretch] = []
        self._ends: list[int] = []

    def keep(self, start: int, end: int) -> None:
        """Add a stretch of the base as it stands."""
        self._add(_Stretch(self.base.text[start:end], start, end, None))

    def fill(self, value: Value, start: int, end: int) -> None:
        """Add a value that is used from ``start`` to ``end`` in the base."""
        for segment in value.segments:
            text = segment.text
            if segment.unknown is not None and len(self.stand_ins) < MOST_STAND_INS:
                text = chr(FIRST_STAND_IN + len(self.stand_ins))
                self.stand_ins[text] = segment.passed(self.base.origin(start, end, "filled in"))
            self._add(_Stretch(text, start, end, segment))

    def _add(self, stretch: _Stretch) -> None:
        if stretch.text:
            self._stretches.append(stretch)
            self._ends.append((self._ends[-1] if self._ends else 0) + len(stretch.text))

    def finish(self) -> TemplateText:
        """The text, now that all is added."""
        self.text = "".join(stretch.text for stretch in self._stretches)
        return self

    def written(self, start: int, end: int) -> str:
        """A stretch as it stands in the base."""
        return self.base.text[self._based(start, False) : self._based(end, True)]

    def origin(self, start: int, end: int, via: str | None = None) -> Origin:
        """Where a stretch stands in the base."""
        return self.base.origin(self._based(start, False), self._based(end, True), via)

    def _based(self, offset: int, is_end: bool) -> int:
        if not self._stretches:
            return 0
        number = bisect_right(self._ends, offset - 1 if is_end and offset else offset)
        number = min(number, len(self._stretches) - 1)
        stretch = self._stretches[number]
        if stretch.segment is not None:
            return stretch.end if is_end else stretch.start
        inside = offset - (self._ends[number] - len(stretch.text))
        return min(stretch.start + inside, stretch.end)

    def stations(self, start: int, end: int, via: str | None) -> tuple[Origin, ...]:
        """Where what was filled in was decided, and where it stands."""
        found: dict[Origin, None] = {}
        number = bisect_right(self._ends, start)
        while number < len(self._stretches):
            stretch = self._stretches[number]
            first = self._ends[number] - len(stretch.text)
            if first >= end:
                break
            if stretch.segment is not None:
                last = min(end - first, len(stretch.text))
                found.update(
                    dict.fromkeys(stretch.segment.slice(max(start - first, 0), last).origins)
                )
            number += 1
        return (*found, self.origin(start, end, via))
