"""Values of the shell: texts whose parts know where they were decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from qlint.readers.commands import Argument
from qlint.readers.shell.source import SourceText
from qlint.recipe import Origin

MAXIMUM_LENGTH = 100_000
"""Characters of a value; scripts that double a variable again and again reach any length."""

_MAXIMUM_SEGMENTS = 500
_MAXIMUM_STATIONS = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a value that was decided in one place.

    Where ``source`` is given the text stands there verbatim from ``start`` on, so that a slice of
    it knows its place too; ``via`` says as what. ``stations`` are those that it went through
    since. An ``unknown`` segment has as its text what is written for it; ``presumed`` is its text
    under the premise that nobody sets what the script does not set itself. A known segment with
    that is empty by this premise alone (``${X:-}``): asked whether it is empty, one cannot tell.
    """

    text: str
    source: SourceText | None = None
    start: int = 0
    via: str | None = None
    stations: tuple[Origin, ...] = ()
    unknown: str | None = None
    presumed: str | None = None

    def slice(self, first: int, last: int) -> Segment:
        """The characters from ``first`` up to ``last``; all of it where it is unknown."""
        if self.unknown is not None:
            return self
        return replace(self, text=self.text[first:last], start=self.start + first)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The stations of the segment, the decisive one first."""
        if self.source is None:
            return self.stations
        end = self.start + len(self.text)
        return (*self.source.stations(self.start, end, self.via), *self.stations)

    def passed(self, station: Origin) -> Segment:
        """The segment after one more station; of many the middle ones are left out."""
        stations = (*self.stations, station)
        if len(stations) > _MAXIMUM_STATIONS:
            stations = (*stations[:2], *stations[-_MAXIMUM_STATIONS + 2 :])
        return replace(self, stations=stations)


@dataclass(frozen=True, slots=True)
class Value:
    """A text, made of segments."""

    segments: tuple[Segment, ...] = ()

    @property
    def text(self) -> str:
        """The text; unknown segments as they are written."""
        return "".join(segment.text for segment in self.segments)

    @property
    def unknown(self) -> str | None:
        """Why the text is not known, None where it is."""
        return next((one.unknown for one in self.segments if one.unknown is not None), None)

    @property
    def presumed(self) -> str | None:
        """The text if nobody sets what the script does not set; None where that does not help."""
        found = [one.text if one.unknown is None else one.presumed for one in self.segments]
        texts = [one for one in found if one is not None]
        return "".join(texts) if len(texts) == len(found) else None

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The stations of all segments, in their order, each once."""
        found: dict[Origin, None] = {}
        for segment in self.segments:
            for one in segment.origins:
                found.pop(one, None)  # Where the parts come together is the last station.
                found[one] = None
        return tuple(found)

    def slice(self, first: int, last: int) -> Value:
        """The characters from ``first`` up to ``last``."""
        found: list[Segment] = []
        start = 0
        for segment in self.segments:
            end = start + len(segment.text)
            if end > first and start < last:
                found.append(segment.slice(max(first - start, 0), min(last, end) - start))
            start = end
        return Value(tuple(found))

    def passed(self, station: Origin) -> Value:
        """The value after one more station."""
        return Value(tuple(segment.passed(station) for segment in self.segments))

    def bounded(self, station: Origin) -> Value:
        """The value, or an unknown one where it is longer than any that means something."""
        length = sum(len(segment.text) for segment in self.segments)
        if length > MAXIMUM_LENGTH or len(self.segments) > _MAXIMUM_SEGMENTS:
            reason = f"a value of more than {MAXIMUM_LENGTH} characters"
            return unknown("...", reason, (station,))
        return self

    def argument(self, last: tuple[Origin, ...]) -> Argument:
        """The value as a word of a command, used at ``last``."""
        origins = self.origins
        added = tuple(one for one in last if one not in origins)
        return Argument(self.text, (*origins, *added), self.unknown)


EMPTY = Value()


def known(text: str, stations: Iterable[Origin] = ()) -> Value:
    """A text that was computed, with the stations of what it was computed from."""
    return Value((Segment(text, stations=tuple(dict.fromkeys(stations))),))


def unknown(
    written: str, reason: str, stations: Iterable[Origin] = (), presumed: str | None = None
) -> Value:
    """A text that is not known, as it is written."""
    found = tuple(dict.fromkeys(stations))
    return Value((Segment(written, stations=found, unknown=reason, presumed=presumed),))


def from_argument(argument: Argument) -> Value:
    """The value of a word that was given from outside."""
    segment = Segment(argument.text, stations=argument.origin, unknown=argument.unknown)
    return Value((segment,))
