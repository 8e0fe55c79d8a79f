"""Operators on abstract values: exact on what is known, silent about what is not.

Sizes are checked before anything is computed, so that ``10**10**10`` costs nothing.
"""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from qlint.readers.python.comparisons import contains
from qlint.readers.python.frames import Frame
from qlint.readers.python.keys import MAX_DEPTH, key_of, value_of_key
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.names import is_library
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Items,
    Library,
    Mapping,
    ModuleValue,
    OneOf,
    Option,
    PartlyKnown,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    alternatives,
    as_dict,
    one_of,
    pieces,
    same,
)

if TYPE_CHECKING:
    from qlint.readers.python.source import Trace

MAX_TEXT = 10_000
MAX_ITEMS = 2_000
MAX_BITS = 512

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": op.add,
    "-": op.sub,
    "*": op.mul,
    "/": op.truediv,
    "//": op.floordiv,
    "%": op.mod,
    "**": op.pow,
    "|": op.or_,
    "&": op.and_,
    "<<": op.lshift,
    ">>": op.rshift,
}


def lift(apply: Callable[[Value], Value], value: Value) -> Value:
    """Apply a function to each alternative of a value and join the results."""
    if not isinstance(value, OneOf):
        return apply(value)
    results = [Option(apply(option.value), option.condition) for option in value.options]
    return one_of(results, value.trace)


def truth(value: Value) -> bool | None:
    """True or False where the truth of a value is known, else None."""
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, Unknown | Bound):
        return None
    if isinstance(value, OneOf):
        verdicts = {truth(option.value) for option in value.options}
        return verdicts.pop() if len(verdicts) == 1 else None
    if isinstance(value, Ref):
        return _truth_of_object(value.target)
    if isinstance(value, Library):
        return True if is_library(value.name) else None
    if isinstance(value, Function | UserClass | ModuleValue):
        return True
    return None


def _truth_of_object(target: object) -> bool | None:
    if isinstance(target, Sequence):
        return bool(target.values) if target.values is not None else None
    if isinstance(target, Mapping):
        if target.slots.data:
            return True
        return None if target.rest is not None else False
    if isinstance(target, Instance):
        return True
    return None


def negate(value: Value, frame: Frame, node: cst.CSTNode) -> Value:
    """``not value``."""
    verdict = truth(value)
    if verdict is None:
        if isinstance(value, OneOf):
            return lift(lambda option: negate(option, frame, node), value)
        return unknown(frame, node, "the negation of what is not known", value)
    return Const(not verdict, trace(frame, node, "compute", None, value.trace))


def shown(value: Value, depth: int = 0) -> tuple[Any] | None:
    """A constant, or a container of constants, as Python prints it; None where not known."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, Const):
        return (value.value,)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        values = value.target.values
        if values is None or value.target.kind == "set":
            return None
        parts = [shown(part, depth + 1) for part in values]
        known = [part[0] for part in parts if part is not None]
        if len(known) == len(parts):
            return (tuple(known) if value.target.kind == "tuple" else known,)
    if isinstance(value, Ref) and isinstance(value.target, Mapping) and value.target.rest is None:
        whole: dict[Any, Any] = {}
        for key, entry in value.target.entries():
            name, held = shown(value_of_key(key)), shown(entry, depth + 1)
            if name is None or held is None:
                return None
            whole[name[0]] = held[0]
        return (whole,)
    return None


def binary(sign: str, left: Value, right: Value, frame: Frame, node: cst.CSTNode) -> Value:
    """``left sign right``."""
    if isinstance(left, OneOf) or isinstance(right, OneOf):
        results = [
            Option(binary(sign, a.value, b.value, frame, node), a.condition or b.condition)
            for a in alternatives(left)
            for b in alternatives(right)
        ]
        return one_of(results, trace(frame, node, "compute", None, left.trace, right.trace))
    made = trace(frame, node, "compute", None, left.trace, right.trace)
    if isinstance(left, Const) and isinstance(right, Const):
        return _constants(sign, left, right, made, frame, node)
    joined = _containers(sign, left, right, made)
    if joined is not None:
        return joined
    if sign == "%" and isinstance(left, Const):
        return _format(left, right, made, frame, node)
    path = _path(sign, left, right, made)
    return path or unknown(frame, node, "an operation on what is not known", left, right)


def _constants(
    sign: str, left: Const, right: Const, made: Trace, frame: Frame, node: cst.CSTNode
) -> Value:
    a, b = left.value, right.value
    if not _affordable(sign, a, b):
        return unknown(frame, node, "a value too large to compute")
    try:
        return Const(_ARITHMETIC[sign](a, b), made)
    except Exception as problem:
        return unknown(frame, node, f"{type(problem).__name__} in an operation")


_WIDE = re.compile(r"%[^a-zA-Z]*(?:\*|\d{4})")
"""A format that could pad its text to any length."""


def _format(left: Const, right: Value, made: Trace, frame: Frame, node: cst.CSTNode) -> Value:
    """``"%s_%d" % (name, rank)``."""
    values = None
    if isinstance(right, Ref) and isinstance(right.target, Sequence):
        values = right.target.values
    if values is not None and all(isinstance(value, Const) for value in values):
        plain = Const(tuple(value.value for value in values if isinstance(value, Const)))
        return _constants("%", left, plain, made, frame, node)
    return unknown(frame, node, "a text formatted with what is not known", right)


def _affordable(sign: str, a: Any, b: Any) -> bool:
    def bits(number: Any) -> int:
        return number.bit_length() if isinstance(number, int) else 64

    if sign == "**":
        if isinstance(a, int) and isinstance(b, int):
            return abs(b) <= MAX_BITS and bits(a) * max(1, abs(b)) <= MAX_BITS
        return True
    if sign == "<<":
        return isinstance(b, int) and 0 <= b <= MAX_BITS
    if sign == "*":
        for text, number in ((a, b), (b, a)):
            if isinstance(text, str | bytes):
                return isinstance(number, int) and len(text) * max(0, number) <= MAX_TEXT
        return bits(a) + bits(b) <= MAX_BITS
    if sign == "+" and isinstance(a, str) and isinstance(b, str):
        return len(a) + len(b) <= MAX_TEXT
    if sign == "%" and isinstance(a, str):
        return len(a) <= MAX_TEXT and not _WIDE.search(a)
    return bits(a) <= MAX_BITS and bits(b) <= MAX_BITS


def _partly_known(left: Value, right: Value, made: Trace) -> Value | None:
    """Two lists put together of which one is not known, or partly: the rest is kept."""
    parts: list[Value] = []
    cause: Unknown | None = None
    kind = "list"
    for side in (left, right):
        target = side.target if isinstance(side, Ref) else None
        found = pieces(target.slots.data["items"]) if isinstance(target, Sequence) else None
        if isinstance(target, Sequence) and found is not None:
            kind = target.kind
            parts.extend(found)
            items = target.slots.data["items"]
            cause = cause or (items if isinstance(items, Unknown) else None)
        elif isinstance(side, Unknown) and side.tag is None:
            parts.append(side)
            cause = cause or side
        else:
            return None
    if cause is None or len(parts) > MAX_ITEMS or kind == "set":
        return None
    whole = Sequence((), kind)
    whole.slots.data["items"] = PartlyKnown(cause, tuple(parts))
    return Ref(whole, made)


def _containers(sign: str, left: Value, right: Value, made: Trace) -> Value | None:
    if sign == "+" and (isinstance(left, Ref) or isinstance(right, Ref)):
        partly = _partly_known(left, right, made)
        if partly is not None:
            return partly
    if not isinstance(left, Ref):
        return None
    a = left.target
    if isinstance(right, Const) and sign == "*" and isinstance(a, Sequence):
        if isinstance(right.value, int) and a.values is not None:
            count = max(0, right.value)
            if len(a.values) * count <= MAX_ITEMS:
                return Ref(Sequence(a.values * count, a.kind), made)
        return None
    if not isinstance(right, Ref):
        return None
    b = right.target
    if isinstance(a, Sequence) and isinstance(b, Sequence):
        if a.values is None or b.values is None or len(a.values) + len(b.values) > MAX_ITEMS:
            return None
        if sign == "+":
            return Ref(Sequence(a.values + b.values, a.kind), made) if a.kind == b.kind else None
        if sign == "|" and a.kind == b.kind == "set":
            return Ref(Sequence(distinct(a.values + b.values), "set"), made)
        if sign in ("-", "&"):
            verdicts = [contains(right, v) for v in a.values]
            if None in verdicts:
                return None
            wanted = sign == "&"
            pairs = zip(a.values, verdicts, strict=True)
            return Ref(Sequence(tuple(v for v, inside in pairs if inside is wanted), a.kind), made)
    if sign == "|" and isinstance(a, Mapping) and isinstance(b, Mapping):
        union = Mapping()
        union.slots.data.update(a.slots.data)
        union.slots.data.update(b.slots.data)
        union.meta.data.update(a.meta.data)
        union.meta.data.update(b.meta.data)
        return Ref(union, made)
    return None


def distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values without repeats, in the order they came."""
    kept: list[Value] = []
    seen: set[Hashable] = set()
    for value in values:
        key = key_of(value)
        if key is None:
            if not any(same(value, other) for other in kept):
                kept.append(value)
        elif key not in seen:
            seen.add(key)
            kept.append(value)
    return tuple(kept)


def _path(sign: str, left: Value, right: Value, made: Trace) -> Value | None:
    """``Path / "part"``: paths are kept as instances with their text."""
    if sign != "/" or not isinstance(left, Ref) or not isinstance(left.target, Instance):
        return None
    text = left.target.slots.get("text") if left.target.role == "path" else None
    if isinstance(text, Const) and isinstance(right, Const) and isinstance(right.value, str):
        return path_value(f"{text.value}/{right.value}", made)
    return None


def path_value(text: str, made: Trace | None) -> Ref:
    """A ``pathlib.Path``."""
    instance = Instance("path", "pathlib.Path")
    instance.slots.data["text"] = Const(text, made)
    return Ref(instance, made)


def merge(machine: Machine, target: Mapping, other: Value) -> None:
    """``target.update(other)``, through the journal."""
    other = as_dict(other)
    if isinstance(other, Ref) and isinstance(other.target, Mapping):
        for key, value in other.target.entries():
            machine.journal.write(target.slots, key, value)
        if other.target.rest is not None:
            machine.journal.write(target.meta, "rest", other.target.rest)
    elif isinstance(other, Ref) and isinstance(other.target, Sequence):
        for pair in other.target.values or ():
            if isinstance(pair, Ref) and isinstance(pair.target, Sequence):
                values = pair.target.values or ()
                if len(values) == 2 and (key := key_of(values[0])) is not None:
                    machine.journal.write(target.slots, key, values[1])
    elif isinstance(other, OneOf):
        outcomes = []
        for option in other.options:
            condition = option.condition or "one of several"
            _, outcome = machine.fork(partial(merge, machine, target, option.value), condition)
            outcomes.append((option.condition, outcome))
        machine.journal.join(outcomes)
    elif not (isinstance(other, Const) and other.value is None):
        reason = other.reason if isinstance(other, Unknown) else "updated with what is not known"
        forget(machine, target.slots, reason, other)
        machine.journal.write(target.meta, "rest", Unknown(reason, other.trace))


def forget(machine: Machine, slots: Any, reason: str, cause: Value) -> None:
    """Any key may have been overwritten."""
    for key in list(slots.data):
        machine.journal.write(slots, key, Unknown(reason, cause.trace))


def extend(machine: Machine, target: Sequence, extra: tuple[Value, ...]) -> None:
    """Append values to a sequence, through the journal; sets keep one of each."""

    def grown(items: Value) -> Value:
        if isinstance(items, PartlyKnown) and len(items.values) < MAX_ITEMS:
            return PartlyKnown(items, items.values + extra)
        if not isinstance(items, Items):
            return items
        values = items.values + extra
        if target.kind == "set":
            values = distinct(values)
        if len(values) > MAX_ITEMS:
            return Unknown("a list too long to follow")
        return Items(values)

    machine.journal.write(target.slots, "items", lift(grown, target.slots.data["items"]))
