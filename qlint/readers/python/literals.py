"""Literals and texts: numbers, strings, and strings with values filled in."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Value,
)
from qlint.readers.python.words import WrittenWord, placeholder

_CONVERSIONS: dict[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}


@handles(cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString)
def _literal(machine: Machine, node: Any, frame: Frame) -> Value:
    try:
        value = frame.file.constant(node, _read_literal)
    except (ValueError, SyntaxError, OverflowError, MemoryError):
        return unknown(frame, node, "a literal too large to read")
    return Const(value, Trace("literal", frame.file, node))


def _read_literal(node: Any) -> object:
    """The value of a literal; the plain ones without a parser, which costs more than all else."""
    text: str = node.value
    if isinstance(node, cst.SimpleString):
        if "\\" not in text and text[0] in "'\"":
            width = 3 if text.startswith(("'''", '"""')) else 1
            return text[width:-width]
    elif isinstance(node, cst.Integer) and text.isdecimal():
        return int(text)
    elif isinstance(node, cst.Float):
        return float(text)
    return node.evaluated_value


@handles(cst.ConcatenatedString)
def _concatenated(machine: Machine, node: cst.ConcatenatedString, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    return operators.binary("+", left, right, frame, node)


@handles(cst.FormattedString)
def _formatted(machine: Machine, node: cst.FormattedString, frame: Frame) -> Value:
    parts: list[str] = []
    before: list[Value] = []
    lost: Value | None = None
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            parts.append(_unescaped(part.value, node))
            continue
        assert isinstance(part, cst.FormattedStringExpression)
        value = evaluate(machine, part.expression, frame)
        text = _inserted(machine, part, value, frame)
        if text is None:
            lost = lost or value
            text = placeholder(frame.file.code(part.expression))
        before.append(value)
        parts.append(text)
    text = "".join(parts)
    if lost is not None:
        cause = unknown(frame, node, "an f-string of values that are not known", lost)
        return WrittenWord(text, cause.reason, cause.trace)
    return Const(text, trace(frame, node, "compute", None, *(value.trace for value in before)))


def _unescaped(text: str, node: cst.FormattedString) -> str:
    text = text.replace("{{", "{").replace("}}", "}")
    return text if "\\" not in text or "r" in node.prefix.lower() else _without_escapes(text)


@lru_cache(maxsize=4096)
def _without_escapes(text: str) -> str:
    try:
        return str(ast.literal_eval(f'"""{text}"""'))
    except (SyntaxError, ValueError):
        return text


def _inserted(
    machine: Machine, part: cst.FormattedStringExpression, value: Value, frame: Frame
) -> str | None:
    """The text of one ``{value!r:spec}``, None where it is not known."""
    spec = ""
    for piece in part.format_spec or ():
        if isinstance(piece, cst.FormattedStringText):
            spec += piece.value
        elif isinstance(piece, cst.FormattedStringExpression):
            inner = evaluate(machine, piece.expression, frame)
            spec += str(inner.value) if isinstance(inner, Const) else "?"
    constant = operators.shown(value)
    digits = "".join(letter if letter.isdigit() else " " for letter in spec).split()
    if constant is None or any(len(width) > 3 for width in digits):
        return None
    try:
        plain = constant[0]
        if part.conversion is not None:
            plain = _CONVERSIONS[part.conversion](plain)
        text = format(plain, spec)
    except (TypeError, ValueError, KeyError):
        return None
    equal = "" if part.equal is None else f"{frame.file.code(part.expression)}="
    if equal and not spec and part.conversion is None:
        text = repr(constant[0])
    return equal + text
