"""The words of argv: texts that know where they are written, and whether they are known at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import SupportsIndex

from qlint.readers.commands import Argument
from qlint.readers.python.source import Elsewhere, Trace
from qlint.readers.python.values import Const, Unknown, Value, known_text

_READ_BY = ", read by "
_BREAKS = re.compile(r"[\s'\"\\{}$`|<>();&]")


class Word(str):
    """One word of argv. It is cut up like any text, and its parts know what it knows.

    ``station`` is where its text comes from, None for words typed on qlint's own command line.
    Where ``unknown`` says why the text is not known, the text is the word as written.
    """

    __slots__ = ("station", "unknown")

    station: Trace | None
    unknown: str | None

    def __new__(cls, text: str, station: Trace | None = None, unknown: str | None = None) -> Word:
        """A word, or a part of one."""
        made = super().__new__(cls, text)
        made.station = station
        made.unknown = unknown
        return made

    def _part(self, text: str) -> Word:
        return Word(text, self.station, self.unknown)

    def __getitem__(self, index: SupportsIndex | slice) -> str:
        """A letter, or a part of the word."""
        found = super().__getitem__(index)
        return self._part(found) if isinstance(index, slice) else found

    def partition(self, sep: str) -> tuple[str, str, str]:
        """The parts before and behind a separator, as words."""
        before, found, behind = super().partition(sep)
        return self._part(before), found, self._part(behind)

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """The parts between separators, as words."""
        return [self._part(part) for part in super().split(sep, maxsplit)]

    def lstrip(self, chars: str | None = None) -> str:
        """The word without letters at its start, as a word."""
        return self._part(super().lstrip(chars))


class WrittenWord(Unknown):
    """A word of argv that is not known, as a value of the program; ``text`` is as written."""

    __slots__ = ("text",)

    def __init__(self, text: str, reason: str, trace: Trace | None = None) -> None:
        super().__init__(reason, trace)
        self.text = text


def placeholder(code: str) -> str:
    """How a part that is not known stands in a word: its code, without what would end a word."""
    return "{" + _BREAKS.sub("", code)[:60] + "}"


def words_of(arguments: Iterable[Argument]) -> tuple[Word, ...]:
    """The arguments of a request as words."""
    return tuple(Word(one.text, station_of(one), one.unknown) for one in arguments)


def station_of(argument: Argument) -> Trace | None:
    """The stations of an argument as a trace; None where it is written nowhere."""
    station: Trace | None = None
    for origin in argument.origin:
        parents = (station,) if station is not None else ()
        station = Elsewhere(origin, parents)
    return station


def given_value(word: str, station: Trace | None) -> Value:
    """What a word of argv is to the program, with the station at which it takes it."""
    if isinstance(word, Word) and word.unknown is not None:
        return WrittenWord(str(word), word.unknown, station)
    return Const(str(word), station)


def word_of(value: Value) -> Word | None:
    """The word that a value of the program stands for; None where it is no text."""
    if isinstance(value, WrittenWord):
        return Word(value.text, value.trace, value.reason)
    text = known_text(value)
    return Word(text, value.trace) if text is not None else None


def said(word: str | None, label: str) -> Trace:
    """Where a word of argv comes from: its own station, or what it says on the command line."""
    station = word.station if isinstance(word, Word) else None
    return station or Trace("input", via=f"{label} on the command line")


def read_by(word: str | None, label: str, reader: str, place: Trace | None) -> Trace:
    """The station at which a parser reads a word; ``place`` is where the option is declared."""
    first = said(word, label)
    if place is None or place.file is None:
        return first
    return Trace("pass", place.file, place.node, f"{label}{_READ_BY}{reader}", (first,))


def is_from_argv(trace: Trace | None) -> bool:
    """Whether a value was read from argv by a parser."""
    station = trace
    while station is not None:
        if station.via is not None and _READ_BY in station.via:
            return True
        station = station.parents[0] if station.parents else None
    return False
