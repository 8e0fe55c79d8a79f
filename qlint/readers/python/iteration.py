"""What a value yields when it is iterated over."""

from __future__ import annotations

from qlint.readers.python.machine import Machine
from qlint.readers.python.values import (
    Const,
    Instance,
    Library,
    Mapping,
    Ref,
    Sequence,
    UserClass,
    Value,
    as_dict,
)

MAX_ELEMENTS = 512


def elements(machine: Machine, value: Value) -> list[Value] | None:
    """The elements of an iterable where all of them are known, else None."""
    if isinstance(value, Const) and isinstance(value.value, str):
        if len(value.value) <= MAX_ELEMENTS:
            return [Const(letter, value.trace) for letter in value.value]
        return None
    if isinstance(value, UserClass):
        members = [v for v in value.slots.data.values() if _is_member(v)]
        return members or None
    value = as_dict(value)
    if not isinstance(value, Ref):
        return None
    target = value.target
    if isinstance(target, Sequence):
        return list(target.values) if target.values is not None else None
    if isinstance(target, Mapping):
        from qlint.readers.python.containers import sparse
        from qlint.readers.python.keys import value_of_key

        if target.rest is not None or sparse(target) is not None:
            return None
        return [value_of_key(key) for key, _ in target.entries()]
    if isinstance(target, Instance) and target.cls is not None:
        return tuple_of(target)
    if isinstance(target, Instance) and target.role == "range":
        count = target.native
        if len(count) <= MAX_ELEMENTS:
            return [Const(number, value.trace) for number in count]
    return None


def tuple_of(instance: Instance) -> list[Value] | None:
    """The values of a named tuple in their order; None for other objects."""
    cls = instance.cls
    bases = [base for one in cls.lineage() for base in one.bases] if cls is not None else []
    if cls is None or not any(
        isinstance(base, Library) and base.name.endswith("NamedTuple") for base in bases
    ):
        return None
    from qlint.readers.python.classes import record_fields

    values = [instance.slots.get(name) for name in record_fields(cls)]
    return None if None in values else [value for value in values if value is not None]


def _is_member(value: Value) -> bool:
    return (
        isinstance(value, Ref)
        and isinstance(value.target, Instance)
        and value.target.role == "enum"
    )
