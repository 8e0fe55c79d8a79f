"""Items and slices of abstract values."""

from __future__ import annotations

from functools import partial

import libcst as cst

from qlint.knowledge import libraries
from qlint.readers.python.comparisons import known_member
from qlint.readers.python.containers import from_python
from qlint.readers.python.frames import Frame
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, raise_error, trace, unknown
from qlint.readers.python.operators import lift
from qlint.readers.python.values import (
    Const,
    Function,
    Instance,
    Items,
    Library,
    Mapping,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
    alternatives,
    known_text,
    one_of,
)

_LORA_TARGETS = "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING"


def item(machine: Machine, value: Value, index: Value, frame: Frame, node: cst.CSTNode) -> Value:
    """``value[index]``."""
    if isinstance(value, OneOf) or isinstance(index, OneOf):
        results = [
            Option(item(machine, a.value, b.value, frame, node), a.condition or b.condition)
            for a in alternatives(value)
            for b in alternatives(index)
        ]
        return one_of(results, trace(frame, node, "compute", None, value.trace))
    if isinstance(value, Const) and isinstance(index, Const):
        try:
            return Const(value.value[index.value], trace(frame, node, "compute", None, value.trace))
        except Exception as problem:
            raise_error(machine, frame, type(problem).__name__, "an index that does not exist")
            return unknown(frame, node, "an index that does not exist")
    if isinstance(value, Ref):
        if isinstance(value.target, Instance) and value.target.cls is not None:
            own = _own_item(machine, value, value.target, value.target.cls, index, frame, node)
            if own is not None:
                return own
        if isinstance(value.target, Sequence) and value.target.values is None:
            content = value.target.slots.data["items"]
            if isinstance(content, OneOf):
                kind = value.target.kind
                return lift(partial(_of_items, machine, kind, index, frame, node), content)
            if isinstance(content, Unknown):
                return content
        found = _item_of_object(value.target, index)
        if found is not None:
            return found
        rest = _rest(value.target)
        if rest is not None:
            return Unknown(rest.reason, rest.trace)
        _missing(machine, value.target, index, frame)
        if value.trace is not None and value.trace.via == "sys.argv" and isinstance(index, Const):
            reason = f"sys.argv[{index.value}] is not given on the command line"
            return Unknown(reason, trace(frame, node, "unknown", reason))
    if isinstance(value, Library) and value.name == "os.environ":
        return _variable(machine, index, frame, node)
    if isinstance(value, UserClass) and known_member(value.slots.get(key_of(index))):
        return value.slots.get(key_of(index)) or value
    if isinstance(value, Library) and value.name.rpartition(".")[2].isupper():
        return _of_constant(machine, value, index, frame, node)
    if isinstance(value, Library | UserClass):
        return value  # A generic alias such as list[int].
    return unknown(frame, node, "a subscript of what is not known", value, index)


def _of_constant(
    machine: Machine, value: Library, index: Value, frame: Frame, node: cst.CSTNode
) -> Value:
    """An entry of a table that a library has: PEFT's default target modules, by model type."""
    name = value.name.rpartition(".")[2]
    key = known_text(index)
    if name == _LORA_TARGETS and key is not None:
        modules = libraries.lora_target_modules(key, machine.versions)
        if modules is not None:
            return from_python(modules, trace(frame, node, "literal", f"{name} of PEFT"))
    return unknown(frame, node, f"an entry of {value.name}", index)


def _of_items(
    machine: Machine, kind: str, index: Value, frame: Frame, node: cst.CSTNode, content: Value
) -> Value:
    """An element of one of the contents that a list may have."""
    if not isinstance(content, Items):
        return unknown(frame, node, "an element of what is not known", content)
    return item(machine, Ref(Sequence(content.values, kind)), index, frame, node)


def _own_item(
    machine: Machine,
    value: Ref,
    target: Instance,
    cls: UserClass,
    index: Value,
    frame: Frame,
    node: cst.CSTNode,
) -> Value | None:
    """``value[index]`` as its class defines it."""
    method = cls.find("__getitem__")
    if isinstance(method, Function):
        from qlint.readers.python.arguments import Arguments
        from qlint.readers.python.calls import call_function

        return call_function(machine, method, Arguments([index]), value, node, frame)
    if isinstance(index, Const) and isinstance(index.value, int):
        from qlint.readers.python.iteration import tuple_of

        values = tuple_of(target) or []
        if -len(values) <= index.value < len(values):
            return values[index.value]
    return None


def _missing(machine: Machine, target: object, index: Value, frame: Frame) -> None:
    """An element that is known not to be there is an error."""
    if isinstance(target, Mapping) and key_of(index) is not None:
        raise_error(machine, frame, "KeyError", "a key that does not exist")
    elif isinstance(target, Sequence) and target.values is not None and isinstance(index, Const):
        raise_error(machine, frame, "IndexError", "an index that does not exist")


def _variable(machine: Machine, index: Value, frame: Frame, node: cst.CSTNode) -> Value:
    """``os.environ[name]``: what the script is given or has set itself, else not known."""
    name = known_text(index)
    if name is None:
        return unknown(frame, node, "an environment variable whose name is not known", index)
    value = machine.environment.get(name)
    if value is None:
        raise_error(machine, frame, "KeyError", f"environment variable {name}")
        return unknown(frame, node, f"environment variable {name} is not set here")
    return value.traced(trace(frame, node, "pass", f"environment variable {name}", value.trace))


def _rest(target: object) -> Unknown | None:
    return target.rest if isinstance(target, Mapping) else None


def _item_of_object(target: object, index: Value) -> Value | None:
    if isinstance(target, Sequence):
        if isinstance(index, Const) and isinstance(index.value, int) and target.values is not None:
            try:
                return target.values[index.value]
            except IndexError:
                return None
        return None
    key = key_of(index)
    if key is None:
        return None
    if isinstance(target, Mapping):
        return target.slots.get(key)
    if isinstance(target, Instance) and isinstance(key, str):
        return target.slots.get(key)  # Namespaces and configurations that also answer to [].
    return None


def slice_of(value: Value, bounds: list[Value], frame: Frame, node: cst.CSTNode) -> Value:
    """``value[a:b:c]``."""
    made = trace(frame, node, "compute", None, value.trace)
    if all(isinstance(bound, Const) for bound in bounds):
        try:
            part = slice(*(bound.value for bound in bounds if isinstance(bound, Const)))
            if isinstance(value, Const) and isinstance(value.value, str | bytes):
                return Const(value.value[part], made)
            if isinstance(value, Ref) and isinstance(value.target, Sequence):
                values = value.target.values
                if values is not None:
                    return Ref(Sequence(values[part], value.target.kind), made)
        except (TypeError, ValueError):
            pass
    return unknown(frame, node, "a slice of what is not known", value)
