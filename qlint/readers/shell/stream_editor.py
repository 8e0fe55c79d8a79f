"""``sed``: its substitutions and deletions, on a text whose parts know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qlint.readers.shell.source import FIRST_STAND_IN
from qlint.readers.shell.values import EMPTY, Segment, Value

_LONGEST_LINE = 400
"""Longer lines are not matched: patterns may take a time that grows with a power of the length."""
_LONGEST_PATTERN = 200
_MOST_REPETITIONS = 4
_CLASSES = {
    "[:space:]": r"\s", "[:blank:]": r" \t", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z",
    "[:alnum:]": "A-Za-z0-9", "[:upper:]": "A-Z", "[:lower:]": "a-z",
}  # fmt: skip
_COMMAND = re.compile(r"[ \t\n;]*(?P<address>\d+|\$)?[ \t]*")
_FLAGS = re.compile(r"[gIip\d]*")


class NotFollowed(Exception):
    """A script that does more than is followed; the message says what."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """One command: what becomes of the lines that it is for."""

    number: int | None
    """Its line; 0 for the last one, None for any."""
    address: re.Pattern[str] | None
    pattern: re.Pattern[str] | None
    """What is replaced; None where the line is deleted."""
    replacement: tuple[Value | int, ...] = ()
    """Texts, and the groups of the pattern by number."""
    everywhere: bool = False


def edited(text: Value, scripts: list[Value], *, extended: bool) -> Value:
    """A text after ``sed``. Raises NotFollowed for what goes beyond substitution and deletion."""
    edits = [edit for script in scripts for edit in _Parser(script, extended).edits()]
    lines = list(_lines(text))
    found: list[Segment] = []
    for number, line in enumerate(lines, 1):
        kept: Value | None = line
        for edit in edits:
            if kept is None:
                break
            if _is_for(edit, kept, number, number == len(lines)):
                kept = _apply(edit, kept)
        found += kept.segments if kept is not None else ()
    return Value(tuple(found))


def _lines(text: Value) -> Iterator[Value]:
    """The lines of a text with their ends."""
    whole, start = text.text, 0
    while start < len(whole):
        newline = whole.find("\n", start)
        end = len(whole) if newline < 0 else newline + 1
        yield text.slice(start, end)
        start = end


def _is_for(edit: _Edit, line: Value, number: int, last: bool) -> bool:
    if edit.number is not None and edit.number != (0 if last and edit.number == 0 else number):
        return False
    return edit.address is None or _search(edit.address, line, 0) is not None


def _search(pattern: re.Pattern[str], line: Value, start: int) -> re.Match[str] | None:
    """Where a pattern matches in a line; what is not known there is taken not to match."""
    hidden = chr(FIRST_STAND_IN)
    text = "".join(
        one.text if one.unknown is None else hidden * len(one.text) for one in line.segments
    ).rstrip("\n")
    if len(text) > _LONGEST_LINE:
        raise NotFollowed("it looks for a pattern in a line that is too long")
    found = pattern.search(text, start)
    if found is not None and _cuts(line, found):
        raise NotFollowed("its pattern ends within a part that is not known")
    return found


def _cuts(line: Value, found: re.Match[str]) -> bool:
    """Whether a match or a group of it starts or ends within a part that is not known."""
    inside: set[int] = set()
    start = 0
    for segment in line.segments:
        if segment.unknown is not None:
            inside.update(range(start + 1, start + len(segment.text)))
        start += len(segment.text)
    spans = [found.span(number) for number in range((found.re.groups or 0) + 1)]
    return any(offset in inside for span in spans for offset in span)


def _apply(edit: _Edit, line: Value) -> Value | None:
    if edit.pattern is None:
        return None
    found: list[Segment] = []
    position = 0
    searched = 0
    while (match := _search(edit.pattern, line, searched)) is not None:
        found += line.slice(position, match.start()).segments
        for part in edit.replacement:
            if isinstance(part, Value):
                found += part.segments
            elif match.start(part) >= 0:
                found += line.slice(*match.span(part)).segments
        position = match.end()
        searched = match.end() + (match.end() == match.start())
        if not edit.everywhere or searched > len(line.text):
            break
    return Value((*found, *line.slice(position, len(line.text)).segments))


class _Parser:
    """Reads a script; characters of private use stand for its parts that are not known."""

    def __init__(self, script: Value, extended: bool) -> None:
        self.script = script
        self.extended = extended
        self.text = ""
        self.offsets: list[int] = []
        """Where each character stands in the script as it is written."""
        start = 0
        for number, segment in enumerate(script.segments):
            if segment.unknown is not None:
                self.text += chr(FIRST_STAND_IN + number % 6_000)
                self.offsets.append(start)
            else:
                self.text += segment.text
                self.offsets += range(start, start + len(segment.text))
            start += len(segment.text)
        self.offsets.append(start)
        self.position = 0

    def edits(self) -> Iterator[_Edit]:
        while True:
            command = _COMMAND.match(self.text, self.position)
            assert command is not None
            self.position = command.end()
            if self.position >= len(self.text):
                return
            number = command["address"]
            line = None if number is None else 0 if number == "$" else int(number[:9])
            yield self._edit(line)

    def _edit(self, number: int | None) -> _Edit:
        address = None
        if self._next() == "/":
            self.position += 1
            address = self._pattern(self._until("/"))
            while self._next() == " ":
                self.position += 1
        sign = self._next()
        self.position += 1
        if sign == "d":
            return _Edit(number, address, None)
        if sign != "s" or self.position >= len(self.text):
            raise NotFollowed(f"its command {sign!r} is not followed")
        mark = self.text[self.position]
        self.position += 1
        pattern = self._until(mark)
        start = self.position
        self._until(mark)
        replacement = self._replacement(start, self.position - 1, mark)
        flags = _FLAGS.match(self.text, self.position)
        assert flags is not None
        self.position = flags.end()
        if self._next() not in ("", ";", "\n", " ", "}") or re.search(r"\d|p", flags.group()):
            raise NotFollowed("the flags of its substitution are not followed")
        found = self._pattern(pattern, "i" in flags.group().lower())
        if any(isinstance(one, int) and one > found.groups for one in replacement):
            raise NotFollowed("it names a group that its pattern has not")
        return _Edit(number, address, found, replacement, "g" in flags.group())

    def _next(self) -> str:
        return self.text[self.position : self.position + 1]

    def _until(self, mark: str) -> str:
        """The text up to a mark that no backslash stands in front of; the mark is passed."""
        start = self.position
        while self.position < len(self.text):
            sign = self.text[self.position]
            if sign == "\\":
                self.position += 2
                continue
            self.position += 1
            if sign == mark:
                return self.text[start : self.position - 1].replace("\\" + mark, mark)
        raise NotFollowed("its substitution never ends")

    def _replacement(self, start: int, end: int, mark: str) -> tuple[Value | int, ...]:
        found: list[Value | int] = []
        position = start
        while position < end:
            sign = self.text[position]
            if sign == "&":
                found.append(0)
                position += 1
            elif sign == "\\" and position + 1 < end:
                following = self.text[position + 1]
                if following.isdigit():
                    found.append(int(following))
                elif following == "n":
                    found.append(Value((Segment("\n"),)))
                else:
                    found.append(self._slice(position + 1, position + 2))
                position += 2
            else:
                after = position + 1
                while after < end and self.text[after] not in "&\\":
                    after += 1
                found.append(self._slice(position, after))
                position = after
        return tuple(found)

    def _slice(self, start: int, end: int) -> Value:
        if start >= end:
            return EMPTY
        return self.script.slice(self.offsets[start], self.offsets[end])

    def _pattern(self, text: str, ignoring: bool = False) -> re.Pattern[str]:
        """A pattern of ``sed`` as one of Python, if its search takes a bounded time."""
        if not text:
            raise NotFollowed("its pattern is the one before")
        if len(text) > _LONGEST_PATTERN or any(ord(one) >= FIRST_STAND_IN for one in text):
            raise NotFollowed("its pattern is not known")
        found = "".join(self._signs(text))
        repeated = re.sub(r"\\.|\[\^?\]?[^]]*\]", "x", found)
        if len(re.findall(r"[*+{]", repeated)) > _MOST_REPETITIONS or re.search(
            r"\)[*+{]", repeated
        ):
            raise NotFollowed("its pattern is too intricate")
        try:
            return re.compile(found, re.IGNORECASE if ignoring else 0)
        except (re.error, OverflowError, RecursionError):
            raise NotFollowed("its pattern is not followed") from None

    def _signs(self, text: str) -> Iterator[str]:
        position = 0
        while position < len(text):
            sign = text[position]
            if sign == "[":
                close = text.find("]", position + 2 + text.startswith("[^", position))
                while close >= 0 and text[close - 1] == ":" and close + 1 < len(text):
                    close = text.find("]", close + 1)
                if close < 0:
                    raise NotFollowed("its pattern is not followed")
                inside = text[position + 1 : close]
                for name, signs in _CLASSES.items():
                    inside = inside.replace(name, signs)
                yield f"[{inside}]"
                position = close + 1
            elif sign == "\\" and position + 1 < len(text):
                following = text[position + 1]
                special = following in "(){}+?|"
                yield following if special and not self.extended else "\\" + following
                position += 2
            elif sign in "(){}+?|" and not self.extended:
                yield "\\" + sign
                position += 1
            else:
                yield sign
                position += 1
