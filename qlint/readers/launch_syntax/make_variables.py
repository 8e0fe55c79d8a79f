"""Variables of make: set in the file, filled in where they are used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qlint.readers.shell.machine import Machine
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.values import EMPTY, Segment, Value, known, unknown

_MAXIMUM_DEPTH = 20
_REFERENCE = re.compile(r"\$(?:\$|[({]|[^\s({$])")
_CONTINUATION = re.compile(r"[ \t]*\\\n[ \t]*")
_FUNCTION = re.compile(r"(?P<name>[a-z]+(?:-[a-z]+)?)[ \t]+(?P<rest>.*)\Z", re.DOTALL)
_FUNCTIONS = frozenset(
    {"abspath", "addprefix", "addsuffix", "and", "basename", "call", "dir", "error", "eval", "file",
     "filter", "filter-out", "findstring", "firstword", "flavor", "foreach", "guile", "if", "info",
     "join", "lastword", "notdir", "or", "origin", "patsubst", "realpath", "shell", "sort", "strip",
     "subst", "suffix", "value", "warning", "wildcard", "word", "wordlist", "words"}
)  # fmt: skip
_CLOSING = {"(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a variable is: a stretch of a file that is filled in when used, or a value."""

    source: SourceText | None = None
    start: int = 0
    end: int = 0
    value: Value = EMPTY


class MakeVariables:
    """The variables of a Makefile, as they are at one moment."""

    def __init__(self, machine: Machine, folder: str) -> None:
        self.machine = machine
        self.folder = folder
        self.definitions: dict[str, list[Definition]] = {}
        self.automatic: Mapping[str, Value] = {}
        self._depth = 0

    def define(self, name: str, definition: Definition, *, appends: bool = False) -> None:
        """Set a variable, or add to it."""
        before = self.definitions.get(name, []) if appends else []
        self.definitions[name] = [*before, definition]
        self.machine.spend(1 + len(before))

    def is_set(self, name: str) -> bool:
        """Whether the file has set it."""
        return name in self.definitions

    def value(self, name: str, written: str) -> Value:
        """The value of a variable where it is used as ``written``."""
        if name in self.automatic:
            return self.automatic[name]
        if name == "CURDIR":
            return known(self.folder)
        if name in ("MAKE", "SHELL"):
            return known({"MAKE": "make", "SHELL": "/bin/sh"}[name])
        definitions = self.definitions.get(name)
        if definitions is None:
            reason = f"the variable {name} is not given to make here"
            return unknown(written, reason, presumed="")
        self.machine.spend()
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH:
            self._depth -= 1
            return unknown(written, f"the variable {name} is defined by itself")
        segments: list[Segment] = []
        for number, one in enumerate(definitions):
            if number:
                segments.append(Segment(" "))
            if one.source is None:
                segments += one.value.segments
                continue
            value = self.filled(one.source, one.start, one.end, f"variable {name}")
            segments += value.segments
        self._depth -= 1
        first = definitions[0]
        if first.source is None:
            return Value(tuple(segments))
        place = first.source.origin(first.start, first.end, f"variable {name}")
        return Value(tuple(segments)).bounded(place)

    def filled(self, source: SourceText, start: int, end: int, via: str) -> Value:
        """A stretch of a file with its variables filled in; continued lines become one."""
        segments: list[Segment] = []
        for stretch_start, stretch_end, value in self.parts(source, start, end):
            if value is not None:
                station = source.origin(stretch_start, stretch_end, via)
                segments += value.passed(station).segments
                continue
            position = stretch_start
            for joint in _CONTINUATION.finditer(source.text, stretch_start, stretch_end):
                if joint.start() > position:
                    text = source.text[position : joint.start()]
                    segments.append(Segment(text, source, position, via))
                segments.append(Segment(" "))
                position = joint.end()
            if position < stretch_end:
                segments.append(Segment(source.text[position:stretch_end], source, position, via))
        return Value(tuple(segments))

    def parts(
        self, source: SourceText, start: int, end: int
    ) -> Iterator[tuple[int, int, Value | None]]:
        """The stretches of a text: as they stand, or with the value that is filled in."""
        text = source.text
        position = start
        while (found := _REFERENCE.search(text, position, end)) is not None:
            self.machine.spend()
            if found.start() > position:
                yield position, found.start(), None
            sign = found.group()[1]
            if sign == "$":
                yield found.start(), found.end(), Value((Segment("$"),))
                position = found.end()
                continue
            close = found.end()
            if sign in _CLOSING:
                close = _closing(text, found.end(), end, sign)
                if close < 0:
                    yield found.start(), end, None
                    return
                inner, last = (found.end(), close), close + 1
            else:
                inner, last = (found.end() - 1, found.end()), found.end()
            yield found.start(), last, self._reference(source, *inner, text[found.start() : last])
            position = last
        if position < end:
            yield position, end, None

    def _reference(self, source: SourceText, start: int, end: int, written: str) -> Value:
        inner = source.text[start:end]
        function = _FUNCTION.match(inner)
        if function is not None and function["name"] in _FUNCTIONS:
            return self._function(source, function, start, written)
        if "$" in inner:
            self._depth += 1
            if self._depth > _MAXIMUM_DEPTH:
                self._depth -= 1
                return unknown(written, "nested too deeply")
            name = self.filled(source, start, end, "name")
            self._depth -= 1
            if name.unknown is not None:
                return unknown(written, name.unknown)
            inner = name.text
        base, colon, change = inner.partition(":")
        value = self.value(base.strip(), written)
        if colon and value.unknown is None:
            before, _, after = change.partition("=")
            words = [_suffix(word, before, after) for word in value.text.split()]
            return known(" ".join(words), value.origins)
        return value

    def _function(
        self, source: SourceText, function: re.Match[str], start: int, written: str
    ) -> Value:
        name = function["name"]
        reason = f"{written if len(written) < 60 else written[:57] + '...'} is known only to make"
        if name == "shell" or self._depth >= _MAXIMUM_DEPTH:
            return unknown(written, reason)
        first, last = start + function.start("rest"), start + function.end("rest")
        self._depth += 1
        value = self.filled(source, first, last, f"given to {name}")
        self._depth -= 1
        if value.unknown is not None:
            return unknown(written, value.unknown, value.origins)
        given = [one.strip() for one in value.text.split(",")]
        result = _apply(name, given, self.folder)
        return unknown(written, reason) if result is None else known(result, value.origins)


def _suffix(word: str, before: str, after: str) -> str:
    return word[: len(word) - len(before)] + after if before and word.endswith(before) else word


def _apply(name: str, given: list[str], folder: str) -> str | None:
    words = given[-1].split()
    if name in ("strip", "firstword", "lastword"):
        chosen = {"strip": words, "firstword": words[:1], "lastword": words[-1:]}[name]
        return " ".join(chosen)
    if name in ("abspath", "realpath"):
        return " ".join(os.path.normpath(os.path.join(folder, word)) for word in words)
    if name == "notdir":
        return " ".join(word.rpartition("/")[2] for word in words)
    if name == "dir":
        return " ".join("".join(word.rpartition("/")[:2]) or "./" for word in words)
    if name == "basename":
        return " ".join(os.path.splitext(word)[0] for word in words)
    if name in ("addprefix", "addsuffix") and len(given) == 2:
        joined = [given[0] + one if name == "addprefix" else one + given[0] for one in words]
        return " ".join(joined)
    if name == "subst" and len(given) == 3 and given[0]:
        return given[2].replace(given[0], given[1])
    if name == "if" and 2 <= len(given) <= 3:
        return given[1] if given[0] else given[2] if len(given) == 3 else ""
    if name == "or":
        return next((one for one in given if one), "")
    return None


def _closing(text: str, position: int, end: int, opening: str) -> int:
    """Where the bracket closes that is open before ``position``; -1 where it never does."""
    closing = _CLOSING[opening]
    depth = 1
    for found in re.compile(f"[{re.escape(opening + closing)}]").finditer(text, position, end):
        depth += 1 if found.group() == opening else -1
        if not depth:
            return found.start()
    return -1
