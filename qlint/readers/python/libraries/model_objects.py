"""Models as objects of the evaluated program: loaded here, or made where nobody sees."""

from __future__ import annotations

from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Items,
    Mapping,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
)


def is_model(value: Value | None) -> bool:
    """True for a reference to a loaded model."""
    return (
        isinstance(value, Ref)
        and isinstance(value.target, Instance)
        and (value.target.role == "model")
    )


def new_model(
    machine: Machine,
    call: Call,
    library: str,
    name: Value | None,
    load: dict[str, Value],
) -> Ref:
    """A model loaded by this call, with the keywords it was loaded with."""
    instance = Instance("model", library)
    instance.cls = call.cls
    instance.slots.fallback = _untouched
    keywords = Mapping()
    keywords.slots.data.update(load)
    if call.arguments.rest is not None:
        keywords.meta.data["rest"] = call.arguments.rest
    instance.slots.data["load"] = Ref(keywords)
    if name is not None:
        instance.slots.data["name"] = name
    made = Ref(instance, trace(call.frame, call.node, "literal"))
    machine.emit("loaded", instance, call.node, call.frame)
    for value in load.values():
        note_applied(machine, value, call)
    return made


def note_applied(machine: Machine, value: Value, call: Call) -> None:
    """A configuration reaches a model or a trainer."""
    for option in alternatives(value):
        target = option.value.target if isinstance(option.value, Ref) else None
        if isinstance(target, Instance) and target.role in ("quantisation", "arguments"):
            machine.emit("applied", target, call.node, call.frame)


_UNTOUCHED: dict[object, object] = {"checkpointing": False, "kbit_prepare": False, "adapter": None}


def _untouched(key: object) -> Value | None:
    """What holds where one branch acts on the model and the other does not."""
    if key not in _UNTOUCHED:
        return None
    return Const(_UNTOUCHED[key], Trace("library", via="nothing is done to the model"))


def unseen_model(machine: Machine, call: Call, cause: Value | None) -> Ref:
    """A model that comes from code that is not followed: everything about its load is unknown."""
    instance = Instance("model", "unknown")
    reason = cause.reason if isinstance(cause, Unknown) else "the model is not loaded in this file"
    why = Unknown(reason, cause.trace if cause is not None else None)
    keywords = Mapping()
    keywords.meta.data["rest"] = why
    instance.slots.data["load"] = Ref(keywords)
    instance.slots.data["name"] = why
    instance.meta.data["rest"] = why
    return Ref(instance, trace(call.frame, call.node, "unknown"))


def module_or_unseen(machine: Machine, call: Call, model: Value | None) -> Value:
    """A module of the program keeps its identity; anything else becomes an unseen model."""
    if isinstance(model, Ref) and isinstance(model.target, Instance) and model.target.cls:
        return model
    return unseen_model(machine, call, model)


def find_model(value: Value | None, depth: int = 0) -> Instance | None:
    """The model that a value is, or holds: a wrapper's attribute, a group's parameters."""
    if value is None or depth > 5:
        return None
    if isinstance(value, OneOf):
        found = [find_model(option.value, depth + 1) for option in value.options]
        return next((model for model in found if model is not None), None)
    if not isinstance(value, Ref):
        return None
    target = value.target
    if isinstance(target, Instance):
        if target.role == "model":
            return target
        if target.role == "parameters":
            return find_model(target.slots.get("model"), depth + 1)
        if target.role in ("object", "lightning_module", "engine"):
            return _first(list(target.slots.data.values()), depth)
    if isinstance(target, Sequence):
        for option in alternatives(target.slots.data["items"]):
            if isinstance(option.value, Items):
                found_model = _first(list(option.value.values), depth)
                if found_model is not None:
                    return found_model
    if isinstance(target, Mapping):
        return _first(list(target.slots.data.values()), depth)
    return None


def _first(values: list[Value], depth: int) -> Instance | None:
    for value in values:
        found = find_model(value, depth + 1)
        if found is not None:
            return found
    return None
