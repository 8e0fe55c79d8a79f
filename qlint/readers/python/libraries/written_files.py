"""Configuration files that a program writes for what it starts then: ``json.dump``, ``write``.

Nothing is written: the file is kept beside those of the project, with where each value of it stands
in the program. What the program does not know itself is a placeholder in it, as in a template.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from qlint.readers.places import GeneratedFile, LineMap, Place, WrittenFile
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.source import ConfigFile, SourceFile, Trace, origins
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    Ref,
    Sequence,
    Unknown,
    Value,
    known_text,
)

_FORMATS = (".json", ".yaml", ".yml")
_MOST_VALUES = 5_000
_DEEPEST = 20
_SEVERAL = "one of several values"
_NOT_PLAIN = re.compile(r"[\"\\{}\s]+")


class DumpedText(Unknown):
    """The text that ``json.dumps`` makes of a value: not known to the letter, but what it holds."""

    __slots__ = ("content",)

    def __init__(self, content: Value, reason: str, station: Trace | None) -> None:
        super().__init__(reason, station)
        self.content = content


class _TooLarge(Exception):
    """More values than a configuration has, or a dict of which not all keys are known."""


@function("json.dump", "yaml.dump", "yaml.safe_dump", "omegaconf.OmegaConf.save", "ujson.dump",
          "json.dumps", "ujson.dumps", "omegaconf.OmegaConf.to_yaml")  # fmt: skip
def dump(machine: Machine, call: Call) -> Value:
    """``json.dump(arguments, open(path, "w"))``, ``yaml.dump(arguments, file)``; or their text."""
    given = call.arguments
    names = ("obj", "data", "config", "cfg")
    value = next((one for name in names if (one := given.get(name, 0)) is not None), Const(None))
    streams = (given.get(name, 1) for name in ("fp", "stream", "f"))
    stream = next((one for one in streams if one is not None), None)
    if stream is None or call.name.endswith(("dumps", "to_yaml")):
        reason = f"the result of {call.name}()"
        return DumpedText(value, reason, trace(call.frame, call.node, "unknown", reason))
    _keep(machine, call, path_text(stream), value)
    return Const(None)


@method("file", "write")
def write(machine: Machine, receiver: Ref, file: Instance, call: Call) -> Value | None:
    """``file.write(text)``; a second call adds to it."""
    text = call.arguments.get("s", 0)
    if text is not None:
        _keep(machine, call, path_text(receiver), text, file.slots.get("written") is not None)
        file.slots.data["written"] = Const(True)
    return Const(None)


@method("path", "write_text")
def write_text(machine: Machine, receiver: Ref, holder: Instance, call: Call) -> Value | None:
    """``Path(path).write_text(text)``."""
    text = call.arguments.get("data", 0)
    if text is not None:
        _keep(machine, call, path_text(receiver), text)
    return Const(None)


def _keep(
    machine: Machine, call: Call, name: str | None, value: Value, further: bool = False
) -> None:
    """Put a file among those written; what is not known of it makes it a file that is not there."""
    if name is None or not name.lower().endswith(_FORMATS):
        return
    project = machine.project
    path = project.local(name)
    before = project.written.pop(path, None)
    made = _text_file(call, value) if machine.doubts == 0 else None
    if made is None:
        return
    if further:
        if before is None or isinstance(made, GeneratedFile):
            return
        made = WrittenFile(before.data + made.data, before.places.followed_by(made.places))
    project.written[path] = made


def _text_file(call: Call, value: Value) -> WrittenFile | None:
    where = _Where(call)
    text = known_text(value)
    if text is not None:
        return WrittenFile(text.encode("utf-8", "replace"), where.of_text(text, value))
    if isinstance(value, DumpedText):
        value = value.content
    written = written_lines(value)
    if written is None:
        return None
    places = LineMap(call.frame.file.path)
    for _, source in written:
        places.add(where.of_value(source))
    data = "".join(f"{line}\n" for line, _ in written).encode("utf-8", "replace")
    return GeneratedFile(data, places, value=snapshot(value))


def written_lines(value: Value) -> list[tuple[str, Value]] | None:
    """The lines of a dict as JSON, which is YAML as well, each with the value that it holds.

    None for what is no dict, for one of which not all keys are known, and for too large a one.
    """
    if not isinstance(value, Ref) or not isinstance(value.target, Mapping):
        return None
    try:
        return list(_Writer().lines(value))
    except _TooLarge:
        return None


def snapshot(value: Value) -> Value:
    """The value as it is now: what the program does to it later does not change the file."""
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        made = Mapping()
        made.slots.data.update({key: snapshot(entry) for key, entry in value.target.entries()})
        return Ref(made, value.trace)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        items = value.target.values
        if items is not None:
            return Ref(Sequence(tuple(map(snapshot, items)), value.target.kind), value.trace)
    return value


class _Writer:
    """Writes each entry of a dict on a line of its own."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def lines(self, value: Value, start: str = "", depth: int = 0) -> Iterator[tuple[str, Value]]:
        """The lines of a value. Raises _TooLarge."""
        if not isinstance(value, Ref) or not isinstance(value.target, Mapping):
            yield start + self._flow(value, depth), value
            return
        self._spend(depth)
        if value.target.rest is not None:
            raise _TooLarge
        yield start + "{", value
        entries = list(value.target.entries())
        for number, (key, entry) in enumerate(entries, 1):
            start = f"{json.dumps(str(key))}: "
            *before, (line, source) = self.lines(entry, start, depth + 1)
            yield from before
            yield line + ("," if number < len(entries) else ""), source
        yield "}", value

    def _flow(self, value: Value, depth: int) -> str:
        """A value on one line."""
        self._spend(depth)
        if isinstance(value, Ref) and isinstance(value.target, Sequence):
            items = value.target.values
            if items is not None:
                return "[" + ", ".join(self._flow(item, depth + 1) for item in items) + "]"
        if isinstance(value, Ref) and isinstance(value.target, Mapping):
            return " ".join(line for line, _ in self.lines(value, depth=depth + 1))
        path = path_text(value)
        if path is not None:
            return json.dumps(path, ensure_ascii=False)
        if isinstance(value, Const) and isinstance(value.value, float):
            return _float(value.value)
        if isinstance(value, Const) and isinstance(value.value, bool | int | None):
            return json.dumps(value.value)
        reason = value.reason if isinstance(value, Unknown) else _SEVERAL
        return json.dumps("{{ " + _NOT_PLAIN.sub(" ", reason).strip() + " }}", ensure_ascii=False)

    def _spend(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            raise _TooLarge


def _float(number: float) -> str:
    """A number that JSON and YAML 1.1 both take for one."""
    if not math.isfinite(number):
        return "null"
    text = repr(number)
    return text if "." in text else text.replace("e", ".0e")


class _Where:
    """Where values stand in the file that writes them; elsewhere it is where they are written."""

    def __init__(self, call: Call) -> None:
        self.file: SourceFile | ConfigFile = call.frame.file
        self.places: LineMap | None = getattr(self.file, "places", None)
        line, column, _, end_column = call.frame.file.span(call.node)
        self.here = self._place(line, column, line, end_column)

    def of_value(self, value: Value) -> Place:
        """Where a value was decided."""
        for origin in origins(value.trace):
            if origin.path == self.file.path and origin.line is not None:
                end_line = origin.end_line or origin.line
                return self._place(origin.line, origin.column, end_line, origin.end_column)
        return self.here

    def of_text(self, text: str, value: Value) -> LineMap:
        """Where the lines of a text stand: one after the other where its literal has as many."""
        places = LineMap(self.file.path)
        count = text.count("\n") + 1
        for origin in origins(value.trace)[:1]:
            first, last = origin.line, origin.end_line
            if origin.path == self.file.path and first is not None and last is not None:
                # A literal that opens with a backslash has its first line on the next one.
                opened = last - first + 1 - count
                for number in range(count):
                    within = count > 1 and opened in (0, 1)
                    place = self._place(first + opened + number) if within else None
                    places.add(place or self.of_value(value))
                return places
        places.add(self.here)
        return places

    def _place(
        self,
        line: int,
        column: int | None = None,
        end_line: int | None = None,
        end_column: int | None = None,
    ) -> Place:
        start = self.places.place(line) if self.places is not None else Place(line)
        if column is None or end_line is None or end_column is None:
            return start
        end = self.places.place(end_line) if self.places is not None else Place(end_line)
        if end.cell != start.cell:
            end, end_column = start, column
        span = (column + start.shift, end.line, end_column + end.shift)
        return start._replace(exactly=span)
