"""Turning an abstract value into a recipe field: its JSON value, its state and its origins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from qlint.readers.dtypes import dtype_name
from qlint.readers.python.names import is_library
from qlint.readers.python.source import Trace, origins
from qlint.readers.python.values import (
    Bound,
    Const,
    Instance,
    Items,
    Library,
    Mapping,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
    one_of,
)
from qlint.recipe import ABSENT, Alternative, Field, Json, Origin, State

Normalise: TypeAlias = Callable[[Json], Json]
Read: TypeAlias = Callable[[Value], Value | None]


class NotPlain(Exception):
    """A value, or a part of it, is not known. Carries the unknown that says why."""

    def __init__(self, cause: Unknown) -> None:
        super().__init__(cause.reason)
        self.cause = cause


def plain(value: Value, depth: int = 0) -> Json:
    """The JSON form of a known value. Raises NotPlain where a part of it is not known."""
    if isinstance(value, Const):
        constant = value.value
        if isinstance(constant, bool | int | float | str) or constant is None:
            return constant
        return repr(constant)
    if isinstance(value, Library):
        if not is_library(value.name):
            root = value.name.split(".", 1)[0]
            reason = f"{value.name} is defined in {root}, which is not in this project"
            raise NotPlain(Unknown(reason, value.trace))
        return value.name
    if isinstance(value, Ref) and depth < 4:
        target = value.target
        if isinstance(target, Sequence):
            items = target.slots.data["items"]
            if isinstance(items, Items):
                return [plain(part, depth + 1) for part in items.values]
            if isinstance(items, Unknown):
                raise NotPlain(items)
        if isinstance(target, Mapping):
            return {str(key): plain(part, depth + 1) for key, part in target.entries()}
        if isinstance(target, Instance) and target.role in ("enum", "path"):
            return plain(target.slots.data["value" if target.role == "enum" else "text"])
        if isinstance(target, Instance):
            raise NotPlain(Unknown(f"an object of {target.library or 'the program'}", value.trace))
    if isinstance(value, Unknown):
        raise NotPlain(value)
    if isinstance(value, Bound):
        raise NotPlain(Unknown("an attribute that is not known", value.trace))
    raise NotPlain(Unknown("a value that is not followed", value.trace))


def spread(value: Value) -> Value:
    """A list of alternatives for a list whose contents depend on a condition."""
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        items = value.target.slots.data["items"]
        if isinstance(items, OneOf):
            kind = value.target.kind
            return one_of(
                [
                    Option(
                        Ref(Sequence(o.value.values, kind), value.trace)
                        if isinstance(o.value, Items)
                        else o.value,
                        o.condition,
                    )
                    for o in items.options
                ],
                value.trace,
            )
    return value


def to_field(value: Value | None, normalise: Normalise | None = None) -> Field:
    """The recipe field of a value; absent for None."""
    if value is None:
        return ABSENT
    value = spread(value)
    if isinstance(value, OneOf):
        return _several(value, normalise)
    try:
        json = plain(value)
    except NotPlain as stopped:
        return unknown_field(stopped.cause, value.trace)
    if normalise is not None:
        json = normalise(json)
    from_library = value.trace is not None and value.trace.from_library
    state = State.DEFAULT if from_library else State.SET
    return Field(state, json, origins(value.trace))


def unknown_field(cause: Unknown, trace: Trace | None = None) -> Field:
    """An unknown field whose last origin says why."""
    chain = list(origins(trace if trace is not None else cause.trace))
    if not chain or chain[-1].via != cause.reason:
        where = chain[-1] if chain else Origin()
        chain.append(
            Origin(where.path, where.line, where.column, via=cause.reason,
                   end_line=where.end_line, end_column=where.end_column)
        )  # fmt: skip
    return Field(State.UNKNOWN, None, tuple(chain))


def _decision(trace: Trace | None) -> str | None:
    """Where it was left open which of several values it is, in words."""
    station = trace
    while station is not None:
        if station.step == "unknown" and station.via:
            return station.via
        station = station.parents[0] if station.parents else None
    return None


def _several(value: OneOf, normalise: Normalise | None) -> Field:
    found: list[Alternative] = []
    first_unknown: Unknown | None = None
    for option in value.options:
        one = to_field(option.value, normalise)
        if one.known:
            if not any(kept.value == one.value for kept in found):
                condition = None if option.condition is None else str(option.condition)
                found.append(Alternative(one.value, condition, one.origin))
        elif first_unknown is None:
            first_unknown = Unknown(one.reason or "not known", option.value.trace)
    if first_unknown is None and len(found) == 1:
        states = [to_field(option.value, normalise) for option in value.options]
        return states[0]
    conditions = [alternative.condition for alternative in found if alternative.condition]
    depends = f"depends on {conditions[0]}" if conditions else "one of several values"
    decision = _decision(value.trace)
    if decision is not None:
        depends = decision
    elif first_unknown is not None:
        depends = first_unknown.reason
    cause = Unknown(depends, value.trace)
    field = unknown_field(cause, value.trace)
    open_ended = first_unknown is not None
    return Field(State.UNKNOWN, None, field.origin, tuple(found), open_ended=open_ended)


def through(value: Value | None, read: Read) -> Value | None:
    """Read something from each alternative of a value and join what is found."""
    if value is None:
        return None
    results: list[Option] = []
    for option in alternatives(value):
        found = read(option.value)
        if found is not None:
            results.append(Option(found, option.condition))
    return one_of(results, value.trace) if results else None


def dtype(json: Json) -> Json:
    """ "bfloat16", "float16" or "float32" for the ways a dtype is written."""
    return dtype_name(json) if isinstance(json, str) else json


def member(json: Json) -> Json:
    """The value of a library's enum member: ``SchedulerType.COSINE`` is "cosine"."""
    if isinstance(json, str) and json.count(".") >= 2 and json.rsplit(".", 1)[-1].isupper():
        return json.rsplit(".", 1)[-1].lower()
    if isinstance(json, str) and json.endswith(".value"):
        return member(json.removesuffix(".value"))
    return json


def given(value: Json, trace: Trace | None, state: State = State.SET) -> Field:
    """A field with a value that the reader itself concludes."""
    return Field(state, value, origins(trace))
