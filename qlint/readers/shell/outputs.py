"""What commands print: caught for ``$(...)``, handed on by pipes, written to files."""

from __future__ import annotations

from dataclasses import dataclass, field

from qlint.readers.places import LineMap, Place, WrittenFile
from qlint.readers.shell.values import Segment, Value

DOCUMENT = "written in place"
"""How the text of a here-document is marked."""
IN_A_FILE = "in the file"
"""How text is marked that comes from another file."""


@dataclass(slots=True)
class Output:
    """The text that was printed so far; ``lost`` names a command whose output is not known."""

    segments: list[Segment] = field(default_factory=list)
    lost: str | None = None

    def add(self, value: Value, ending: str = "") -> None:
        """Print a text."""
        self.segments += value.segments
        if ending:
            self.segments.append(Segment(ending))

    @property
    def value(self) -> Value:
        """All that was printed."""
        return Value(tuple(self.segments))

    def stripped(self) -> Value:
        """What ``$(...)`` makes of it: without the newlines at the end."""
        segments = list(self.segments)
        while segments and segments[-1].unknown is None:
            last = segments.pop()
            text = last.text.rstrip("\n")
            if text:
                segments.append(last.slice(0, len(text)))
                break
        return Value(tuple(segments))


def as_file(value: Value, shown: str) -> WrittenFile:
    """A file with this text; unknown parts stand in it as they are written.

    Each of its lines lies where the first characters of it stand that the script writes there. A
    line that the script takes from another file as it is stands in that one.
    """
    places = LineMap(shown)
    line: list[Segment] = []
    before = Place(1)
    for segment in value.segments:
        position = 0
        while position < len(segment.text):
            newline = segment.text.find("\n", position)
            end = len(segment.text) if newline < 0 else newline + 1
            if newline != position or not line:
                line.append(segment.slice(position, end) if segment.unknown is None else segment)
            position = end
            if newline >= 0:
                before = _place(line, before, shown)
                places.add(before)
                line = []
    if line:
        places.add(_place(line, before, shown))
    unknown = {one.text: one.unknown for one in value.segments if one.unknown and one.text}
    return WrittenFile(value.text.encode("utf-8", "replace"), places, open=unknown)


def _place(line: list[Segment], before: Place, shown: str) -> Place:
    column = 1
    fallback, taken = None, False
    for segment in line:
        if segment.source is not None:
            at = segment.source.origin(segment.start, segment.start)
            path = at.path if at.path != shown else None
            shift = (at.column or 1) - column
            place = Place(at.line or 1, at.cell, at.physical_line, shift, path)
            if segment.via == DOCUMENT:
                return place
            if fallback is None or (taken and segment.via != IN_A_FILE):
                fallback, taken = place, segment.via == IN_A_FILE
        column += len(segment.text)
    return fallback or before
