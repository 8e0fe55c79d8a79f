"""Texts of a command line turned into values, by the type that an option declares."""

from __future__ import annotations

import ast
import json

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.containers import from_python
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine, Raised
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Partial,
    Ref,
    Unknown,
    UserClass,
    Value,
)

_TRUE = frozenset({"yes", "true", "t", "y", "1", "on"})
_FALSE = frozenset({"no", "false", "f", "n", "0", "off"})


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
