"""What the shell knows at one moment: variables, arguments, folder, files it wrote."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

from qlint.readers.commands import Argument
from qlint.readers.places import WrittenFile
from qlint.readers.shell.outputs import Output
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.syntax import Function
from qlint.readers.shell.values import EMPTY, Segment, Value, unknown
from qlint.recipe import Origin


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: a text, or the elements of an array by index or key."""

    value: Value = EMPTY
    elements: Mapping[str, Value] | None = None
    exported: bool = False


@dataclass(slots=True)
class State:
    """What holds at one moment.

    ``ended`` says how the running block was left: "exit", "failed" (an exit that reports an
    error), "return", "break", "continue".

    ``conditions`` have to hold for what runs now. ``folder`` is absolute. ``arguments`` are None
    where none were given: ``$1`` is then not known rather than empty.
    """

    source: SourceText
    folder: str
    variables: dict[str, Variable] = field(default_factory=dict)
    arguments: tuple[Value, ...] | None = None
    name: Value = EMPTY
    functions: dict[str, tuple[Function, SourceText]] = field(default_factory=dict)
    written: Mapping[str, WrittenFile] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    ended: str | None = None
    locals: dict[str, Variable | None] | None = None
    """Of a running function: what its local variables were before."""
    lost: str | None = None
    """Why the folder is not known, where it is not."""
    folders: tuple[tuple[str, str | None], ...] = ()
    """What ``pushd`` left."""
    output: Output | None = None
    """Where what is printed goes, where it matters."""
    stdin: Value | None = None

    def fork(self) -> State:
        """A copy whose changes leave this one alone."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            locals=None if self.locals is None else dict(self.locals),
        )

    def adopt(self, other: State) -> None:
        """Take over what a copy has become, but for the conditions under which it ran."""
        self.folder = other.folder
        self.lost = other.lost
        self.variables = other.variables
        self.arguments = other.arguments
        self.functions = other.functions
        self.written = other.written
        self.ended = other.ended
        self.locals = other.locals

    def assign(self, name: str, value: Value) -> None:
        """Set a variable's text; of an array its first element."""
        before = self.variables.get(name)
        if before is not None and before.elements is not None:
            elements = {**before.elements, "0": value}
            self.variables[name] = replace(before, value=value, elements=elements)
        else:
            exported = before is not None and before.exported
            self.variables[name] = Variable(value, None, exported)

    def environment(self) -> dict[str, Argument]:
        """The exported variables, as a command receives them."""
        return {
            name: variable.value.argument(())
            for name, variable in self.variables.items()
            if variable.exported and variable.elements is None
        }

    def path(self, name: str) -> str:
        """A file's absolute path, as seen from the folder in which the shell is."""
        return os.path.normpath(os.path.join(self.folder, name))


def merge(state: State, ways: Iterable[tuple[str, State]], line: int) -> None:
    """Go on after several ways that one of was taken: what differs between them is unknown.

    Each way comes with its condition. Ways that left the script, the function or the loop do not
    count, unless all did.
    """
    all_ways = list(ways)
    live = [(condition, way) for condition, way in all_ways if way.ended is None]
    if not live:
        state.adopt(next((way for _, way in all_ways if way.ended != "failed"), all_ways[0][1]))
        return
    first = live[0][1]
    state.adopt(first)
    if any(way.ended not in (None, "failed") for _, way in all_ways) and len(live) == 1:
        state.conditions = (*state.conditions, live[0][0])
    if len(live) == 1:
        return
    names = dict.fromkeys(name for _, way in live for name in way.variables)
    merged: dict[str, Variable] = {}
    for name in names:
        variants = [way.variables.get(name) for _, way in live]
        same = all(one is variants[0] or one == variants[0] for one in variants[1:])
        if same and variants[0] is not None:
            merged[name] = variants[0]
        elif not same:
            merged[name] = _either(name, live, line)
    state.variables = merged
    if any(way.folder != first.folder or way.lost for _, way in live):
        state.lost = f"the folder depends on the way taken in line {line}"
    written = {path: file for _, way in live for path, file in way.written.items()}
    state.written = first.written if written == first.written else written
    if any(way.arguments != first.arguments for _, way in live):
        state.arguments = None


def _either(name: str, live: list[tuple[str, State]], line: int) -> Variable:
    """A variable that depends on the way taken: unknown, with the choices in the reason."""
    choices: list[str] = []
    stations: list[Origin] = []
    exported = False
    presumed: set[str | None] = set()
    for condition, way in live:
        variable = way.variables.get(name)
        if variable is None:
            text = "not set"
            presumed.add("")
        elif variable.elements is not None:
            text = "another list"
            presumed.add(None)
        else:
            text = _shown(variable.value.text)
            presumed.add(variable.value.presumed)
        exported |= variable is not None and variable.exported
        choices.append(f"{text} if {condition}")
        if variable is not None:
            stations += variable.value.origins
    reason = f"{name} is {', '.join(choices)} (line {line})"
    only = presumed.pop() if len(presumed) == 1 else None
    start = _in_common(way.variables.get(name) for _, way in live)
    if only is not None:
        only = only[sum(len(segment.text) for segment in start) :]
    rest = unknown(f"${name}", reason, stations, only)
    return Variable(Value((*start, *rest.segments)), None, exported)


def _in_common(variables: Iterable[Variable | None]) -> tuple[Segment, ...]:
    """What the values of a variable start with on every way, up to the end of a word."""
    values = [one.value.segments if one is not None else () for one in variables]
    start = next(iter(values), ())
    for segments in values:
        same = takewhile(_is_one, zip(start, segments, strict=False))
        start = tuple(segment for segment, _ in same)
    rests = ["".join(one.text for one in segments[len(start) :]) for segments in values]
    ends_word = all(not rest or rest[0].isspace() for rest in rests)
    return (*start, Segment(" ")) if start and ends_word else ()


def _is_one(pair: tuple[Segment, Segment]) -> bool:
    """Whether two segments are one, whatever stations either went through since."""
    one, other = pair
    return (one.text, one.unknown) == (other.text, other.unknown)


def _shown(text: str) -> str:
    text = " ".join(text.split()) or "empty"
    return text if len(text) <= 40 else text[:37] + "..."
