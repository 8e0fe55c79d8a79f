"""Programs that copy and change files before a run uses them: ``sed``, ``cp``, ``envsubst``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TypeAlias

from qlint.readers.places import LineMap, WrittenFile
from qlint.readers.shell.conditions import Truth
from qlint.readers.shell.key_editor import KeyNotFollowed, with_keys
from qlint.readers.shell.machine import Machine
from qlint.readers.shell.outputs import IN_A_FILE, Output, as_file
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State
from qlint.readers.shell.stream_editor import NotFollowed, edited
from qlint.readers.shell.values import Segment, Value

FileCommand: TypeAlias = Callable[[Machine, list[Value], State, str], Truth]
"""Carries out a program with its words; the text is how the command is written."""

_MAXIMUM_BYTES = 200_000
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")


def contents(machine: Machine, state: State, path: str) -> Value | None:
    """The text of a file, on disk or written before; None where it is not known."""
    written = state.written.get(path)
    if written is not None:
        if written.lost is not None or len(written.data) > _MAXIMUM_BYTES:
            return None
        machine.spend(1 + len(written.data) // 500)
        text = written.data.decode("utf-8", "replace")
        source = SourceText(text, written.places.path, written.places)
        return Value((Segment(text, source, 0, IN_A_FILE),))
    if state.lost or not machine.inside(path):
        return None
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAXIMUM_BYTES:
            return None
        with open(path, "rb") as stream:
            text = stream.read(_MAXIMUM_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    machine.spend(1 + len(text) // 500)
    shown = machine.request.display(path)
    return Value((Segment(text, SourceText(text, shown), 0, IN_A_FILE),))


def put(machine: Machine, state: State, path: str, value: Value | None, why: str) -> None:
    """Note what a file holds from now on; ``why`` says what changes it where that is not known."""
    written = dict(state.written)
    machine.spend(1 + len(written) // 10)
    if value is not None:
        written[path] = as_file(value, state.source.shown)
    elif path in written or _is_there(machine, path):
        data, places = _last_known(machine, path, written.get(path))
        written[path] = WrittenFile(data, places, why)
    state.written = written


def replace_unknown(machine: Machine, state: State, path: str, program: str) -> None:
    """Note that a program writes all of a file, so that nothing is known of what it holds."""
    if _is_there(machine, path):
        put(machine, state, path, None, f"{program} writes it")
    else:
        state.written = {name: file for name, file in state.written.items() if name != path}


def _is_there(machine: Machine, path: str) -> bool:
    return machine.inside(path) and os.path.isfile(path)


def _last_known(machine: Machine, path: str, before: WrittenFile | None) -> tuple[bytes, LineMap]:
    if before is not None:
        return before.data, before.places
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAXIMUM_BYTES)
    except OSError:
        data = b""
    shown = machine.request.display(path)
    text = data.decode("utf-8", "replace")
    file = as_file(Value((Segment(text, SourceText(text, shown), 0, IN_A_FILE),)), "")
    return data, file.places


def _sed(machine: Machine, words: list[Value], state: State, written: str) -> Truth:
    given = _SedWords(words)
    names = given.names
    paths = [state.path(one.text) for one in names if one.unknown is None and not state.lost]
    results: list[Value | None] = []
    for text in [contents(machine, state, path) for path in paths] or [state.stdin]:
        result = None
        if text is not None and given.is_followed:
            try:
                result = edited(text, given.scripts, extended=given.extended)
            except NotFollowed:
                result = None
        results.append(result)
    if given.in_place:
        for path, result in zip(paths, results, strict=False):
            put(machine, state, path, result, f"`{written}` changes it")
        return Truth(True)
    whole = len(names) == len(paths) and len(results) == 1
    return _prints(state, results[0] if whole else None, "sed")


class _SedWords:
    """The words of ``sed``: its options, scripts and files."""

    def __init__(self, words: list[Value]) -> None:
        self.scripts: list[Value] = []
        self.names: list[Value] = []
        self.in_place = self.extended = False
        self.is_followed = True
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            text = word.text
            if text.startswith("--"):
                self._long(word, text, waiting)
            elif text.startswith("-") and len(text) > 1:
                self._short(word, text, waiting)
            elif text or not self.in_place:  # BSD's -i has the suffix as a word of its own.
                self.names.append(word)
        if not self.scripts and self.names:
            self.scripts.append(self.names.pop(0))

    def _long(self, word: Value, text: str, waiting: list[Value]) -> None:
        name, equals, _ = text.partition("=")
        if name == "--in-place":
            self.in_place = True
        elif name == "--regexp-extended":
            self.extended = True
        elif name == "--expression" and (equals or waiting):
            value = word.slice(len(name) + 1, len(text)) if equals else waiting.pop(0)
            self.scripts.append(value)
        else:
            self.is_followed = False

    def _short(self, word: Value, text: str, waiting: list[Value]) -> None:
        for number, flag in enumerate(text[1:], 1):
            if flag == "i":
                self.in_place = True
                return
            if flag == "e":
                rest = word.slice(number + 1, len(text))
                self.scripts += [rest] if rest.text else waiting[:1]
                del waiting[: 0 if rest.text else 1]
                return
            self.extended |= flag in "Er"
            self.is_followed &= flag in "Ersu"


def _prints(state: State, result: Value | None, name: str) -> Truth:
    output: Output | None = state.output
    if output is not None:
        if result is None:
            output.lost = output.lost or name
        else:
            output.add(result)
    return Truth(True) if result is not None else Truth(None, program=True)


def _copy(machine: Machine, words: list[Value], state: State, written: str) -> Truth:
    """``cp`` and ``mv`` of files; a folder keeps the names."""
    names = [one for one in words if not one.text.startswith("-")]
    if len(names) < 2 or state.lost or any(one.unknown is not None for one in names):
        return Truth(True)
    target = state.path(names[-1].text)
    for one in names[:-1]:
        path = state.path(one.text)
        value = contents(machine, state, path)
        folder = names[-1].text.endswith("/") or os.path.isdir(target)
        to = os.path.join(target, os.path.basename(path)) if folder else target
        if value is not None:
            put(machine, state, to, value, written)
        elif to in state.written or os.path.isfile(to):
            put(machine, state, to, None, f"`{written}` changes it")
    return Truth(True)


def _fill(machine: Machine, words: list[Value], state: State, written: str) -> Truth:
    """``envsubst``: the variables that are exported; what nobody sets stays as it is written."""
    text = state.stdin
    if text is None:
        return _prints(state, None, "envsubst")
    wanted = {name for one in words for pair in _VARIABLE.findall(one.text) for name in pair}
    found: list[Segment] = []
    for segment in text.segments:
        position = 0
        for match in _VARIABLE.finditer(segment.text) if segment.unknown is None else ():
            name = match[1] or match[2]
            variable = state.variables.get(name)
            if variable is None or not variable.exported or (wanted and name not in wanted):
                continue
            found.append(segment.slice(position, match.start()))
            found += variable.value.segments
            position = match.end()
        found.append(segment.slice(position, len(segment.text)))
    return _prints(state, Value(tuple(found)), "envsubst")


def _cat(machine: Machine, words: list[Value], state: State, written: str) -> Truth:
    names = [one for one in words if not one.text.startswith("-")]
    if any(one.text == "-" for one in words) or state.lost:
        return _prints(state, None, "cat")
    found: list[Segment] = []
    for one in names:
        value = contents(machine, state, state.path(one.text)) if one.unknown is None else None
        if value is None:
            return _prints(state, None, "cat")
        found += value.segments
    return _prints(state, Value(tuple(found)), "cat")


def _yq(machine: Machine, words: list[Value], state: State, written: str) -> Truth:
    """``yq -i '.a.b = 1' file``, of the kind that is written in Go."""
    given = [one for one in words if one.text not in ("eval", "e", "ea", "eval-all")]
    in_place = any(one.text in ("-i", "--inplace") for one in given)
    plain = [one for one in given if not one.text.startswith("-")]
    if len(plain) != 2 or plain[1].unknown is not None or state.lost:
        return _prints(state, None, "yq")
    path = state.path(plain[1].text)
    text = contents(machine, state, path)
    result = None
    if text is not None:
        try:
            result = with_keys(text, plain[0], state)
        except KeyNotFollowed:
            result = None
    if in_place:
        put(machine, state, path, result, f"`{written}` changes it")
        return Truth(True)
    return _prints(state, result, "yq")


FILE_COMMANDS: dict[str, FileCommand] = {
    "cat": _cat,
    "cp": _copy,
    "envsubst": _fill,
    "mv": _copy,
    "sed": _sed,
    "yq": _yq,
}
