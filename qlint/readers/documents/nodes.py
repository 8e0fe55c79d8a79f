"""The tree that YAML, JSON and TOML are read into: values with the place where they stand.

Nothing is constructed and nothing is expanded: an alias is the node it names, so a tree is a graph
without cycles, and whoever walks it counts its steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from qlint.recipe import Origin


class Span(NamedTuple):
    """Lines and columns from 1, in code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Given(NamedTuple):
    """The place of what stands in no document: the stations on its way, the decisive one first.

    A word of a command line has one, and a value that a Python configuration computes.
    """

    stations: tuple[Origin, ...]

    @property
    def span(self) -> Span:
        """Where the first station is."""
        first = self.stations[0]
        line, column = first.line or 1, first.column or 1
        return Span(line, column, first.end_line or line, first.end_column or column)


class _Placed:
    """Something that stands somewhere. Where is worked out when it is asked for: few values are.

    ``place`` is a span, an event of PyYAML's parser with its two marks, or Given.
    """

    __slots__ = ("place",)

    def __init__(self, place: Any) -> None:
        self.place = place

    @property
    def span(self) -> Span:
        """Where it stands."""
        place = self.place
        if type(place) is Span:
            return place
        if type(place) is Given:
            return place.span
        start, end = place.start_mark, place.end_mark
        return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


class Scalar(_Placed):
    """A value without parts.

    ``text`` is what stands in the file, ``value`` what a YAML 1.1 loader (or JSON, TOML) makes of
    it. ``plain`` is true where it stands without quotes, so that other loaders may differ.
    """

    __slots__ = ("plain", "text", "value")

    def __init__(
        self, text: str, value: bool | int | float | str | None, plain: bool, place: Any
    ) -> None:
        self.text = text
        self.value = value
        self.plain = plain
        self.place = place


class Opaque(_Placed):
    """A node that is not read, with the reason: a tag, a placeholder, an alias of itself."""

    __slots__ = ("reason",)

    def __init__(self, reason: str, place: Any) -> None:
        self.reason = reason
        self.place = place


class Sequence(_Placed):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, place: Any) -> None:
        self.items: list[Node] = []
        self.place = place


class Entry(NamedTuple):
    """A key with its value, and where the key stands."""

    place: _Placed
    value: Node

    @property
    def key(self) -> Span:
        """Where the key stands."""
        return self.place.span


class Mapping(_Placed):
    """A mapping with text keys, in the order of the file; later duplicates win, as in loaders."""

    __slots__ = ("entries",)

    def __init__(self, place: Any) -> None:
        self.entries: dict[str, Entry] = {}
        self.place = place

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry.value

    def at(self, path: str) -> Node | None:
        """The value at a dotted path."""
        entry = self.entry_at(path)
        return None if entry is None else entry.value

    def entry_at(self, path: str) -> Entry | None:
        """Key and value at a dotted path."""
        entry = self.entries.get(path)
        if entry is not None or "." not in path:
            return entry
        mapping: Node = self
        for key in path.split("."):
            if not isinstance(mapping, Mapping):
                return None
            entry = mapping.entries.get(key)
            if entry is None:
                return None
            mapping = entry.value
        return entry

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)


Node: TypeAlias = "Scalar | Mapping | Sequence | Opaque"


class Repeated(NamedTuple):
    """A key that stands twice in one mapping: the first is lost."""

    key: str
    first: Span
    second: Span


class Document(NamedTuple):
    """One document of a file, with what is odd about it."""

    root: Node
    repeated: tuple[Repeated, ...] = ()


class Refusal(Exception):
    """A text that is not read on: what is wrong, and where. ``hostile`` where it is not a slip."""

    def __init__(
        self, message: str, line: int = 1, column: int = 1, *, hostile: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hostile = hostile
