"""Comparing abstract values: true, false, or not known."""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import trace, unknown
from qlint.readers.python.names import is_library
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    Missing,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    alternatives,
    one_of,
    same,
)

if TYPE_CHECKING:
    pass
from qlint.readers.python.keys import MAX_DEPTH, key_of

_COMPARE: dict[type[cst.BaseCompOp], Callable[[Any, Any], Any]] = {
    cst.Equal: op.eq,
    cst.NotEqual: op.ne,
    cst.LessThan: op.lt,
    cst.LessThanEqual: op.le,
    cst.GreaterThan: op.gt,
    cst.GreaterThanEqual: op.ge,
}


def compare(
    operator: cst.BaseCompOp, left: Value, right: Value, frame: Frame, node: cst.CSTNode
) -> Value:
    """``left operator right``."""
    if isinstance(left, OneOf) or isinstance(right, OneOf):
        results = [
            Option(compare(operator, a.value, b.value, frame, node), a.condition or b.condition)
            for a in alternatives(left)
            for b in alternatives(right)
        ]
        return one_of(results, trace(frame, node, "compute", None, left.trace, right.trace))
    verdict = _verdict(operator, left, right)
    if verdict is None:
        return unknown(frame, node, "a comparison with what is not known", left, right)
    return Const(verdict, trace(frame, node, "compute", None, left.trace, right.trace))


def _verdict(operator: cst.BaseCompOp, left: Value, right: Value) -> bool | None:
    if isinstance(operator, cst.In | cst.NotIn):
        inside = contains(right, left)
        if inside is None:
            return None
        return inside is isinstance(operator, cst.In)
    if isinstance(operator, cst.Is | cst.IsNot | cst.Equal | cst.NotEqual):
        equal = equals(left, right)
        if equal is not None:
            return equal is isinstance(operator, cst.Is | cst.Equal)
        if isinstance(operator, cst.Is | cst.IsNot):
            return None
    compute = _COMPARE.get(type(operator))
    if compute is not None and isinstance(left, Const) and isinstance(right, Const):
        try:
            return bool(compute(left.value, right.value))
        except TypeError:
            return None
    return None


def equals(left: Value, right: Value, depth: int = 0) -> bool | None:
    """True or False where it is known whether two values are equal, else None."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(left, Unknown | Bound) or isinstance(right, Unknown | Bound):
        return None
    if isinstance(left, Const) and isinstance(right, Const):
        return bool(left.value == right.value)
    if same(left, right):
        return True
    if isinstance(left, Library) and isinstance(right, Library):
        return False if is_library(left.name) and is_library(right.name) else None
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Const) and isinstance(other, Library):
            # Enum members of libraries compare equal to their value.
            return False if one.value is None and is_library(other.name) else None
        if isinstance(one, Const) and known_member(other) and isinstance(other, Ref):
            return _equals_member(one, other)
        if isinstance(one, Const) and isinstance(other, Ref | Function | UserClass):
            return False
    if isinstance(left, Ref) and isinstance(right, Ref):
        a, b = left.target, right.target
        if isinstance(a, Sequence) and isinstance(b, Sequence):
            return _sequences_equal(a, b, depth)
        if isinstance(a, Instance) and isinstance(b, Instance):
            return False
    return None


def _equals_member(constant: Const, member: Ref) -> bool | None:
    """Members of ``class Kind(str, Enum)`` equal their value, those of a plain Enum never do."""
    target = member.target
    cls = target.cls if isinstance(target, Instance) else None
    if cls is None:
        return None
    mixed = any(
        isinstance(base, Library)
        and base.name.rsplit(".", 1)[-1] in ("str", "int", "float", "StrEnum", "IntEnum")
        for one in cls.lineage()
        for base in one.bases
    )
    held = target.slots.get("value")
    return equals(constant, held) if mixed and held is not None else False


def _sequences_equal(a: Sequence, b: Sequence, depth: int) -> bool | None:
    if a.values is None or b.values is None:
        return None
    if len(a.values) != len(b.values):
        return False
    verdicts = [equals(x, y, depth + 1) for x, y in zip(a.values, b.values, strict=True)]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def contains(container: Value, element: Value) -> bool | None:
    """True or False where it is known whether an element is in a container, else None."""
    if isinstance(container, Const):
        if isinstance(container.value, str) and isinstance(element, Const):
            return isinstance(element.value, str) and element.value in container.value
        return None
    if not isinstance(container, Ref):
        return None
    target = container.target
    if isinstance(target, Sequence) and target.values is not None:
        verdicts = [equals(value, element) for value in target.values]
        if True in verdicts:
            return True
        return None if None in verdicts else False
    if isinstance(target, Instance) and target.role == "range" and isinstance(element, Const):
        return element.value in target.native
    if isinstance(target, Mapping):
        key = key_of(element)
        if key is None:
            return None
        found = target.slots.get(key)
        if found is not None:
            sometimes = any(isinstance(o.value, Missing) for o in alternatives(found))
            return None if sometimes else True
        return None if target.rest is not None else False
    return None


def known_member(value: Value | None) -> bool:
    """True for a member of an Enum."""
    target = value.target if isinstance(value, Ref) else None
    return isinstance(target, Instance) and target.role == "enum"
