"""Command-line options: declared by the script, given by the argv of this reading or by default."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from typing import Any

from qlint.readers.python.comparisons import equals
from qlint.readers.python.flags import switch
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.libraries.text_types import convert
from qlint.readers.python.machine import Machine
from qlint.readers.python.source import Step, Trace
from qlint.readers.python.values import Const, Ref, Sequence, Unknown, Value
from qlint.readers.python.words import given_value, read_by

_VALUELESS = frozenset(
    {"store_true", "store_false", "store_const", "append_const", "count", "optional"}
)
_IMPLICIT = {"store_true": False, "store_false": True}


class Option:
    """One option of a command line."""

    __slots__ = (
        "action",
        "choices",
        "const",
        "default",
        "dest",
        "flags",
        "nargs",
        "place",
        "premise",
        "reader",
        "required",
        "type",
    )

    def __init__(self, flags: tuple[str, ...], dest: str) -> None:
        self.flags = flags
        self.dest = dest
        self.action = "store"
        self.default: Value | None = None
        self.type: Value | None = None
        self.nargs: Any = None
        self.const: Value | None = None
        self.choices: Value | None = None
        self.required = False
        self.place: Trace | None = None
        """Where the option is declared."""
        self.reader = "argparse"
        """The library that reads it, as a person calls it."""
        self.premise: str | None = None
        """What has to hold where it is given."""

    @property
    def label(self) -> str:
        """The flag as a person writes it: the longest."""
        return max(self.flags, key=len) if self.flags else self.dest

    @property
    def takes_no_value(self) -> bool:
        """True where nothing follows the flag."""
        return self.action in _VALUELESS

    @property
    def turns_on(self) -> bool:
        """True where giving the option makes it true."""
        if self.action in ("store_false", "append", "extend", "count", "append_const"):
            return False
        if self.action == "store_const":
            return isinstance(self.const, Const) and self.const.value is True
        return bool(self.flags)


class Refused(Exception):
    """argv does not fit the options; the text is argparse's."""


class Given:
    """What argv gives to an option: its words, None where it takes none or stands alone."""

    __slots__ = ("flag", "option", "words")

    def __init__(self, option: Option, words: str | list[str] | None, flag: str | None) -> None:
        self.option = option
        self.words = words
        self.flag = flag
        """The flag as it is written in argv; None for a positional argument."""


def values_of(
    machine: Machine,
    options: AbstractSequence[Option],
    given: AbstractMapping[str, Any],
    call: Call,
) -> dict[str, Value]:
    """The value of every option: what was given, else its default. May raise Refused."""
    values: dict[str, Value] = {}
    for option in options:
        if option.dest in values:
            continue  # The first option with a destination has the default, as in argparse.
        if option.dest in given:
            values[option.dest] = from_argv(machine, option, given[option.dest], call)
        else:
            values[option.dest] = default_of(machine, option, call)
    return values


def from_argv(machine: Machine, first: Option, given: AbstractSequence[Given], call: Call) -> Value:
    """The value that argv gives to a destination; ``first`` is its first option.

    Raises Refused where it is none of the choices.
    """
    parts = [_converted(machine, one, call) for one in given]
    last = given[-1]
    action = last.option.action
    station = parts[-1].trace
    if action == "count":
        before = first.default.value if isinstance(first.default, Const) else 0
        return Const((before or 0) + len(given), station)
    if action not in ("append", "extend", "append_const"):
        return parts[-1]
    inner = [elements(machine, part) if action == "extend" else [part] for part in parts]
    before = elements(machine, first.default) if first.default is not None else []
    whole = [*([before] if before is not None else []), *inner]
    found = [value for values in whole for value in values or []]
    lost = next((value for value in (*parts, *found) if isinstance(value, Unknown)), None)
    if lost is not None:
        return Unknown(lost.reason, lost.trace)
    return Ref(Sequence(tuple(found)), station)


def _converted(machine: Machine, given: Given, call: Call) -> Value:
    """What one time that an option is given comes to."""
    option = given.option
    words = given.words
    if words is None:
        return _without_value(given)
    if isinstance(words, str):
        return _of_word(machine, option, words, call)
    parts = tuple(_of_word(machine, option, word, call) for word in words)
    lost = next((part for part in parts if isinstance(part, Unknown)), None)
    if lost is not None:
        return Unknown(lost.reason, lost.trace)
    return Ref(Sequence(parts), parts[0].trace if parts else None)


def _without_value(given: Given) -> Value:
    option = given.option
    station = read_by(given.flag, option.label, option.reader, option.place)
    if option.action in ("store_true", "store_false"):
        return Const(option.action == "store_true", station)
    if option.action == "optional":
        return Const(not (given.flag or "").startswith("--no-"), station)
    const = option.const or Const(None)
    parents = (*(station.parents or (station,)), *_parents(const))
    return const.traced(Trace("pass", station.file, station.node, station.via, parents))


def _of_word(machine: Machine, option: Option, word: str, call: Call) -> Value:
    station = read_by(word, option.label, option.reader, option.place)
    value = given_value(word, station)
    if isinstance(value, Const):
        value = convert(machine, option.type, value, call)
    _check_choice(machine, option, value)
    return value


def _check_choice(machine: Machine, option: Option, value: Value) -> None:
    choices = elements(machine, option.choices) if option.choices is not None else None
    if choices and all(equals(choice, value) is False for choice in choices):
        shown = value.value if isinstance(value, Const) else value
        raise Refused(f"argument {option.label}: invalid choice: {shown!r}")


def _parents(value: Value) -> tuple[Trace, ...]:
    return (value.trace,) if value.trace is not None else ()


def default_of(machine: Machine, option: Option, call: Call) -> Value:
    """The value of an option that is not given."""
    default = option.default
    place = option.place
    file, node = (place.file, place.node) if place else (call.frame.file, call.node)
    if default is None:
        if option.required:
            reason = f"{option.label} is required on the command line"
            return Unknown(reason, Trace("unknown", file, node, reason))
        default = Const(_IMPLICIT.get(option.action))
    if isinstance(default, Const) and isinstance(default.value, str):
        default = convert(machine, option.type, default, call)
    parents = _parents(default)
    step: Step = "pass" if parents else "literal"
    station = Trace(step, file, node, f"default of {option.label}", parents)
    return default.traced(station)


def with_switch(machine: Machine, option: Option, value: Value) -> Value:
    """A boolean that is off becomes a switch that a variant may turn on."""
    if isinstance(value, Const) and value.value is False and option.turns_on:
        return switch(machine, option.label, value)
    return value


def with_switches(
    machine: Machine, options: AbstractSequence[Option], values: AbstractMapping[str, Value]
) -> dict[str, Value]:
    """All values, those that are off and that an option turns on as switches."""
    switched: dict[str, Value] = {}
    for dest, value in values.items():
        givers = [option for option in options if option.dest == dest]
        giver = next((option for option in givers if option.turns_on), givers[0])
        switched[dest] = with_switch(machine, giver, value)
    return switched
