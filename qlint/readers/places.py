"""Ties the lines of a text that was put together from an input to the input's own lines.

The cells of a notebook make one program; ``%%writefile`` or a here-document make a file that is on
no disk. Either is read like any other text, and what was read is then moved to where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """A line of an input; ``cell`` and ``physical_line`` are those of a notebook."""

    line: int
    cell: int | None = None
    physical_line: int | None = None
    shift: int = 0
    """Columns that were cut off the start of the line."""
    path: str | None = None
    """How the input is shown in which the line stands, where that is another one than the map's."""
    exactly: tuple[int, int, int] | None = None
    """Column, end line and end column of the one value that the line holds, if it is such a line:
    a line of a file that a program makes of its values."""


class LineMap:
    """The places of the lines of a text, in order; ``path`` is how their input is shown."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._places: list[Place] = []

    def add(self, place: Place) -> None:
        """Say where the next line of the text stands."""
        self._places.append(place)

    def place(self, line: int) -> Place:
        """Where line ``line`` of the text, from 1, stands."""
        if not self._places:
            return Place(1)
        return self._places[min(max(line, 1), len(self._places)) - 1]

    def stands_in(self, path: str) -> bool:
        """Whether a line stands in another input than the map's own: in that shown as ``path``."""
        return any(place.path == path for place in self._places)

    def followed_by(self, other: LineMap) -> LineMap:
        """The map of this text with another behind it."""
        joined = LineMap(self.path)
        joined._places = [*self._places, *other._places]
        return joined


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that an input writes before it is used: its contents, and where its lines stand.

    ``lost`` says what has changed it since in a way that is not known. ``open`` are stretches of
    it that stand for what is not known (``$LR``), each with the reason.
    """

    data: bytes
    places: LineMap
    lost: str | None = None
    open: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GeneratedFile(WrittenFile):
    """A file that a program makes of a value of its own, which is what reading it again gives."""

    value: object = None
