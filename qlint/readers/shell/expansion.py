"""Expands words: what a program receives for them, and where each text was decided."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.braces import TooManyWords, expand_braces
from qlint.readers.shell.parameters import expand_parameter, read_variable
from qlint.readers.shell.patterns import Pattern
from qlint.readers.shell.pieces import BREAK, Piece, short, split
from qlint.readers.shell.state import State
from qlint.readers.shell.syntax import Arithmetic, Literal, Parameter, Part, Substitution, Word
from qlint.readers.shell.values import EMPTY, Segment, Value, known, unknown
from qlint.recipe import Origin

if TYPE_CHECKING:
    from qlint.readers.shell.machine import Machine

_SPACE = Piece(Segment(" "), True)
_HOME = "the home folder is known only where this runs"
_LONGEST_LISTING = 1_000
_MOST_LINES = 200
"""Parts of a text on several lines that each know where they stand."""


class Expander:
    """Expands the words of a script in one state."""

    def __init__(self, machine: Machine, state: State) -> None:
        self.machine = machine
        self.state = state
        self.source = state.source

    # Words

    def words(self, words: Iterable[Word], via: str, *, used: bool = False) -> list[Value]:
        """The words that a list of words makes: split, braces and patterns expanded.

        ``via`` says what a literal is there. With ``used`` the last station of an expanded word
        says what it was written as.
        """
        found: list[Value] = []
        for word in words:
            try:
                braced = expand_braces(word)
            except TooManyWords:
                reason = "its braces make more words than any command is given"
                found.append(unknown(self.written(word), reason, (self.origin(word, via),)))
                continue
            for one in braced:
                self.machine.spend()
                station = f"passed as {short(self.written(word))}" if used else via
                found += self._fields(one, via, station, used)
        return found

    def _fields(self, word: Word, via: str, station: str, used: bool) -> list[Value]:
        literal = self._literal(word, via)
        if literal is not None:
            return self._files(literal, [(part.text, part.quoted) for part in word.parts])  # type: ignore[union-attr]
        pieces = self.pieces(word.parts, via)
        place = self.origin(word, station)
        found: list[Value] = []
        for field in split(pieces, self._separators()):
            value = self._joined(self._mixed(field, via) if used else field).passed(place)
            globs = [(piece.segment.text, piece.quoted) for piece in field]
            found += self._files(value, globs)
        return found

    def value(self, word: Word, via: str) -> Value:
        """The text of a word where none is split: behind ``=``, within ``[[ ]]``, in a document."""
        literal = self._literal(word, via)
        if literal is not None:
            return literal
        pieces = self.pieces(word.parts, via)
        filled = [piece if piece is not BREAK else _SPACE for piece in pieces]
        value = self._joined([piece for piece in filled if piece is not None])
        return value.passed(self.origin(word, via)).bounded(self.origin(word, via))

    def _literal(self, word: Word, via: str) -> Value | None:
        """The value of a word in which nothing is expanded."""
        if word.literal is None or self._stands_in(word.literal):
            return None
        if not word.parts:
            return EMPTY
        first = word.parts[0]
        assert isinstance(first, Literal)
        if first.text.startswith("~") and not first.quoted and first.text[1:2] in ("", "/"):
            return unknown(self.written(word), _HOME, (self.origin(word, via),))
        if len(word.parts) == 1 and first.exact:
            return Value((Segment(first.text, self.source, first.start, via),))
        literals = [part for part in word.parts if isinstance(part, Literal)]
        if len(literals) <= _MOST_LINES and "\n" in self.source.text[word.start : word.end]:
            return Value(tuple(self._segment(part, via) for part in literals if part.text))
        text = "".join(part.text for part in literals)
        place = self.source.stations(word.start, word.end, via)
        return known(text, place)

    def _mixed(self, field: list[Piece], via: str) -> list[Piece]:
        """The pieces of a word of a command; its own characters stand where the word stands."""
        return [
            replace(piece, segment=replace(piece.segment, source=None))
            if piece.segment.source is self.source and piece.segment.via == via
            else piece
            for piece in field
        ]

    def _joined(self, pieces: list[Piece]) -> Value:
        """One value of pieces; neighbours of the same place become one segment."""
        found: list[Segment] = []
        for piece in pieces:
            segment = piece.segment
            before = found[-1] if found else None
            if (
                before is not None
                and before.unknown is None
                and segment.unknown is None
                and before.source is segment.source
                and before.via == segment.via
                and before.stations == segment.stations
                and (before.source is None or before.start + len(before.text) == segment.start)
            ):
                found[-1] = replace(before, text=before.text + segment.text)
            elif segment.text or segment.unknown is not None or not found:
                found.append(segment)
        return Value(tuple(found))

    def _files(self, value: Value, texts: list[tuple[str, bool]]) -> list[Value]:
        """The files that match a pattern; of those on no disk nothing is known."""
        plain = "".join(text for text, quoted in texts if not quoted)
        if value.unknown is not None or ("*" not in plain and "?" not in plain):
            return [value]
        folder, _, name = value.text.rpartition("/")
        pattern = Pattern([(name, False)])
        listed = self._listing(folder) if "*" not in folder and "?" not in folder else []
        names = sorted(
            one
            for one in listed
            if pattern.matches(one) and (not one.startswith(".") or name.startswith("."))
        )
        if not names:
            reason = f"the files that match {short(value.text)} are known only where this runs"
            return [unknown(value.text, reason, value.origins)]
        prefix = f"{folder}/" if folder or value.text.startswith("/") else ""
        self.machine.spend(len(names))
        return [known(prefix + one, value.origins) for one in names]

    def _listing(self, folder: str) -> list[str]:
        path = self.state.path(folder or ".")
        if not self.machine.inside(path):
            return []
        try:
            listed = os.listdir(path)
        except OSError:
            return []
        return listed if len(listed) <= _LONGEST_LISTING else []

    def _separators(self) -> str | None:
        """What parts words: blanks, or what ``IFS`` says; None where it is not known."""
        variable = self.state.variables.get("IFS")
        if variable is None:
            return " \t\n"
        return variable.value.text if variable.value.unknown is None else None

    # Parts

    def pieces(self, parts: tuple[Part, ...], via: str) -> list[Piece | None]:
        """The pieces that the parts of a word make."""
        found: list[Piece | None] = []
        for number, part in enumerate(parts):
            if isinstance(part, Literal):
                found += self._literal_pieces(part, via, number == 0)
            elif isinstance(part, Parameter):
                found += expand_parameter(self, part, via)
            elif isinstance(part, Arithmetic):
                found.append(self._arithmetic(part))
            else:
                found += self._substitution(part)
        return found

    def _literal_pieces(self, part: Literal, via: str, first: bool) -> list[Piece | None]:
        if self._stands_in(part.text):
            return [Piece(segment, part.quoted) for segment in self._filled_in(part, via)]
        segment = self._segment(part, via)
        if first and not part.quoted and part.text.startswith("~") and part.text[1:2] in ("", "/"):
            home = unknown("~", _HOME, (self.source.origin(part.start, part.start + 1, via),))
            return [Piece(home.segments[0], True), Piece(segment.slice(1, len(part.text)), False)]
        return [Piece(segment, part.quoted)]

    def _stands_in(self, text: str) -> bool:
        """Whether some of its characters stand for what is not known."""
        stand_ins = self.source.stand_ins
        return bool(stand_ins) and not stand_ins.keys().isdisjoint(text)

    def _filled_in(self, part: Literal, via: str) -> Iterator[Segment]:
        position = 0
        for number, character in enumerate(part.text):
            segment = self.source.stand_ins.get(character)
            if segment is not None:
                if number > position:
                    yield Segment(
                        part.text[position:number], self.source, part.start + position, via
                    )
                yield segment
                position = number + 1
        if position < len(part.text):
            yield Segment(part.text[position:], self.source, part.start + position, via)

    def _segment(self, part: Literal, via: str) -> Segment:
        if part.exact:
            return Segment(part.text, self.source, part.start, via)
        place = self.source.stations(part.start, part.start, via)
        return Segment(part.text, stations=place)

    def _arithmetic(self, part: Arithmetic) -> Piece:
        written = self.source.written(part.start, part.end)
        value = self.number(part.expression, written, part.start, part.end)
        return Piece(value.segments[0], part.quoted, not part.quoted)

    def number(self, expression: Word, written: str, start: int, end: int) -> Value:
        """The value of an expression as text; variables that it sets are set."""
        via = f"computed by {short(written)}"
        place = self.source.origin(start, end, via)
        pieces = [piece for piece in self.pieces(expression.parts, via) if piece is not None]
        stations: dict[Origin, None] = {}
        for piece in pieces:
            if piece.segment.source is not self.source:
                stations.update(dict.fromkeys(piece.segment.origins))
        text = Value(tuple(piece.segment for piece in pieces))
        reason, presumed = text.unknown, None
        if reason is not None:
            presumed = text.presumed

        def lookup(name: str) -> str:
            self.machine.spend()
            value = read_variable(self, name)
            if value.unknown is not None:
                raise NotANumber(value.unknown)
            stations.update(dict.fromkeys(value.origins))
            return value.text

        def store(name: str, result: int) -> None:
            self.state.assign(name, known(str(result), (*stations, place)))

        try:
            result = evaluate(text.text if presumed is None else presumed, lookup, store)
        except NotANumber as problem:
            return unknown(written, reason or problem.reason, (*stations, place))
        if reason is not None:
            return unknown(written, reason, (*stations, place), str(result))
        return known(str(result), (*stations, place))

    def _substitution(self, part: Substitution) -> list[Piece | None]:
        written = self.source.written(part.start, part.end)
        value = self.machine.substituted(part, self.state, written)
        segments = value.segments or (Segment(""),)
        return [Piece(one, part.quoted, not part.quoted) for one in segments]

    # Places

    def written(self, word: Word) -> str:
        """A word as it stands in the script."""
        return self.source.written(word.start, word.end)

    def origin(self, word: Word, via: str) -> Origin:
        """Where a word stands."""
        return self.source.origin(word.start, word.end, via)

    def pattern(self, word: Word) -> tuple[Pattern, str | None]:
        """A word as a pattern, and why that is not known."""
        pieces = [piece for piece in self.pieces(word.parts, "pattern") if piece is not None]
        reason = Value(tuple(piece.segment for piece in pieces)).unknown
        pattern = Pattern([(piece.segment.text, piece.quoted) for piece in pieces])
        if not pattern.understood:
            reason = reason or f"the pattern {short(self.written(word))} is not understood"
        return pattern, reason
