"""Fields of records and copies of them: dataclasses, attrs, pydantic, copy."""

from __future__ import annotations

from qlint.readers.python.classes import is_record, record_fields
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    Ref,
    Sequence,
    Value,
)


@function("dataclasses.field", "pydantic.Field", "attr.ib", "attrs.field", "attr.field",
          "alignment.field", "chz.field")  # fmt: skip
def field(machine: Machine, call: Call) -> Value:
    """``field(default=..., default_factory=..., metadata=...)``."""
    made = Instance("field", "dataclasses.field")
    made.slots.data.update(call.arguments.keywords)
    if call.arguments.positional and "pydantic" in call.name:
        made.slots.data["default"] = call.arguments.positional[0]
    default = made.slots.data.get("default")
    if isinstance(default, Const) and default.value is ...:
        del made.slots.data["default"]
    return Ref(made, trace(call.frame, call.node, "literal"))


@function("transformers.HfArg", "trl.HfArg")
def hf_arg(machine: Machine, call: Call) -> Value:
    """``HfArg(default=...)`` is a field."""
    return field(machine, call)


@function("dataclasses.asdict", "attr.asdict", "attrs.asdict")
def asdict(machine: Machine, call: Call) -> Value:
    """A dataclass as a dict of its own."""
    value = call.arguments.get("obj", 0)
    if not isinstance(value, Ref) or not isinstance(value.target, Instance):
        return unknown(call.frame, call.node, "asdict() of what is not known", value or Const(None))
    target = Mapping()
    names = list(value.target.slots.data)
    if value.target.cls is not None and is_record(value.target.cls):
        names = [name for name in record_fields(value.target.cls) if name in names] or names
    for name in names:
        target.slots.data[name] = value.target.slots.data[name]
    rest = value.target.meta.get("rest")
    if rest is not None:
        target.meta.data["rest"] = rest
    return Ref(target, trace(call.frame, call.node, "compute"))


@function("dataclasses.replace", "copy.replace", "attr.evolve", "attrs.evolve")
def replace(machine: Machine, call: Call) -> Value:
    """``replace(config, lr=1e-4)``: a changed copy."""
    copied = _copied(call.arguments.get("obj", 0), call)
    if copied is not None:
        for name, value in call.bind().items():
            if name != "obj":
                copied.target.slots.data[name] = value
        return copied
    return unknown(call.frame, call.node, "replace() of what is not known")


@function("copy.copy", "copy.deepcopy")
def copy(machine: Machine, call: Call) -> Value:
    """A copy: later changes do not reach the original."""
    value = call.arguments.get("x", 0)
    return _copied(value, call) or value or Const(None)


def _copied(value: Value | None, call: Call) -> Ref | None:
    if not isinstance(value, Ref):
        return None
    target = value.target
    if isinstance(target, Instance):
        twin = Instance(target.role, target.library, target.cls)
        twin.slots.data.update(target.slots.data)
        twin.slots.fallback = target.slots.fallback
        twin.meta.data.update(target.meta.data)
        twin.native = target.native
        return Ref(twin, value.trace)
    if isinstance(target, Mapping):
        mapping = Mapping()
        mapping.slots.data.update(target.slots.data)
        mapping.meta.data.update(target.meta.data)
        return Ref(mapping, value.trace)
    if isinstance(target, Sequence) and target.values is not None:
        return Ref(Sequence(target.values, target.kind), value.trace)
    return None
