"""Command-line options: declared by the script, read from the argv of this reading.

The standard library's own argparse parses argv (prefixes, ``--flag=value``, nargs, subcommands), on
a parser that mirrors the script's; defaults and types are evaluated here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from typing import Any

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.comparisons import equals
from qlint.readers.python.containers import from_python
from qlint.readers.python.flags import switch
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine, Raised
from qlint.readers.python.source import Step, Trace
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Partial,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
)

_TRUE = frozenset({"yes", "true", "t", "y", "1", "on"})
_FALSE = frozenset({"no", "false", "f", "n", "0", "off"})
_VALUELESS = frozenset({"store_true", "store_false", "store_const", "append_const", "count"})
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

    @property
    def label(self) -> str:
        """The flag as a person writes it: the longest."""
        return max(self.flags, key=len) if self.flags else self.dest

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


class _Quiet(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise Refused(message)


class _Given:
    """Stands for the constant of an option that takes no value."""

    def __init__(self, option: Option) -> None:
        self.option = option


def mirror(
    options: AbstractSequence[Option], parser: argparse.ArgumentParser | None = None
) -> argparse.ArgumentParser:
    """A parser of the standard library with the same options, all values as text."""
    if parser is None:
        parser = quiet_parser()
    for option in options:
        keywords: dict[str, Any] = {"default": argparse.SUPPRESS}
        if option.flags:
            keywords["dest"] = option.dest
        if option.action in ("store_true", "store_false", "store_const"):
            keywords |= {"action": "store_const", "const": _Given(option)}
        elif option.action == "append_const":
            keywords |= {"action": "append_const", "const": _Given(option)}
        elif option.action == "count":
            keywords["action"] = "count"
        elif option.action == "optional":
            keywords["action"] = argparse.BooleanOptionalAction
        else:
            if option.action in ("append", "extend"):
                keywords["action"] = option.action
            if option.nargs is not None:
                keywords["nargs"] = option.nargs
                if option.nargs == "?":
                    keywords["const"] = _Given(option)
        with contextlib.suppress(argparse.ArgumentError, ValueError, TypeError):
            parser.add_argument(*(option.flags or (option.dest,)), **keywords)
    return parser


def quiet_parser(**settings: Any) -> argparse.ArgumentParser:
    """A parser without help that raises Refused instead of ending the process."""
    return _Quiet(
        add_help=False,
        argument_default=argparse.SUPPRESS,
        conflict_handler="resolve",
        **settings,
    )


def given_by(
    parser: argparse.ArgumentParser, argv: AbstractSequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """What argv gives, by destination, and what of it was not recognised.

    Raises Refused where argparse would refuse argv.
    """
    if not argv:
        return {}, []
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            namespace, rest = parser.parse_known_args(list(argv))
        except SystemExit as stop:
            raise Refused(str(stop)) from None
        except (TypeError, ValueError) as problem:
            raise Refused(str(problem)) from None
    return vars(namespace), rest


def parse(
    machine: Machine, options: AbstractSequence[Option], argv: AbstractSequence[str], call: Call
) -> tuple[dict[str, Value], list[str]]:
    """Values by destination for an argv, and what of it was not recognised.

    Raises Refused where argparse would refuse argv.
    """
    given, rest = given_by(mirror(options), argv)
    return values_of(machine, options, given, call), rest


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
            values[option.dest] = from_argv(machine, _giver(options, option, given), given, call)
        else:
            values[option.dest] = default_of(machine, option, call)
    return values


def _giver(
    options: AbstractSequence[Option], first: Option, given: AbstractMapping[str, Any]
) -> Option:
    """The option that was given, among several with one destination."""
    raw = given[first.dest]
    if isinstance(raw, _Given):
        return raw.option
    same = [option for option in options if option.dest == first.dest]
    return next((option for option in same if option.action not in _VALUELESS), first)


def from_argv(
    machine: Machine, option: Option, given: AbstractMapping[str, Any], call: Call
) -> Value:
    """The value of an option that argv gives. Raises Refused where it is none of the choices."""
    said = Trace("input", via=f"{option.label} on the command line")
    raw = given[option.dest]
    value = _converted(machine, option, raw, said, call)
    if option.action in ("append", "extend", "append_const") and option.default is not None:
        before = elements(machine, option.default)
        after = elements(machine, value)
        if before is not None and after is not None:
            return Ref(Sequence((*before, *after)), said)
    if option.action == "count" and isinstance(option.default, Const) and isinstance(value, Const):
        return Const((option.default.value or 0) + value.value, said)
    return value


def _converted(machine: Machine, option: Option, raw: Any, said: Trace, call: Call) -> Value:
    if isinstance(raw, _Given):
        if raw.option.action in ("store_true", "store_false"):
            return Const(raw.option.action == "store_true", said)
        const = raw.option.const or Const(None)
        return const.traced(Trace("pass", via=said.via, parents=_parents(const)))
    if isinstance(raw, list):
        parts = tuple(_converted(machine, option, part, said, call) for part in raw)
        return Ref(Sequence(parts), said)
    if not isinstance(raw, str):
        return from_python(raw, said)
    value = convert(machine, option.type, Const(raw, said), call)
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


def convert(machine: Machine, kind: Value | None, value: Const, call: Call) -> Value:
    """Apply an option's ``type`` to a text."""
    if kind is None or (isinstance(kind, Const) and kind.value is None):
        return value
    if isinstance(kind, Library):
        plain = text_as(kind.name.rsplit(".", 1)[-1], value)
        if plain is not value or kind.name in ("builtins.str", "str"):
            return plain
    if isinstance(kind, Function | Library | Bound | Partial | UserClass):
        try:
            result = call_value(machine, kind, Arguments([value]), call.node, call.frame)
        except Raised:
            return Unknown("a value that the option's type refuses", value.trace)
        if isinstance(kind, Library) and not _is_plain(result):
            return value  # A library's enumeration: its members stand for their texts.
        return result if value.trace is None else result.traced(value.trace)
    return value


def _is_plain(value: Value) -> bool:
    if isinstance(value, Ref):
        return not isinstance(value.target, Instance) or value.target.role == "path"
    return isinstance(value, Const)


def text_as(kind: str, value: Const) -> Value:
    """A text converted by a named type: int, float, bool, str and the usual text-to-bool names."""
    text = str(value.value)
    try:
        if kind == "int":
            return Const(int(text), value.trace)
        if kind == "float":
            return Const(float(text), value.trace)
    except ValueError:
        return Unknown(f"'{text}' is no {kind}", value.trace)
    if kind == "bool":
        return Const(bool(text), value.trace)
    if "bool" in kind.lower():
        lowered = text.lower()
        if lowered in _TRUE:
            return Const(True, value.trace)
        if lowered in _FALSE:
            return Const(False, value.trace)
        return Unknown(f"'{text}' is no truth value", value.trace)
    if kind == "loads":
        return json_literal(text, value)
    if kind in ("eval", "literal_eval"):
        return literal(text, value)
    return value


def literal(text: str, value: Value) -> Value:
    """A text that is a Python literal, else the text itself."""
    import ast

    if len(text) > 5_000:
        return value
    try:
        return from_python(ast.literal_eval(text), value.trace)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value


def json_literal(text: str, value: Value) -> Value:
    """A text that is JSON, else one that is a Python literal, else the text itself."""
    if len(text) > 5_000:
        return value
    try:
        return from_python(json.loads(text), value.trace)
    except (ValueError, RecursionError):
        return literal(text, value)


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


def note_argv(machine: Machine) -> None:
    """The argv of this reading is a premise of it."""
    machine.assume("argv is empty" if not machine.argv else f"argv is {list(machine.argv)}")
