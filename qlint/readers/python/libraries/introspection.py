"""Functions that look at values and types: isinstance, getattr, vars, super, type."""

from __future__ import annotations

from qlint.readers.python import operators, subscripts
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.attributes import get_attribute, known_attribute
from qlint.readers.python.classes import is_record
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.model_objects import is_model
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Instance,
    Library,
    Mapping,
    OneOf,
    Partial,
    Ref,
    Sequence,
    Super,
    Unknown,
    Value,
    known_text,
)


@function("builtins.isinstance", "builtins.issubclass")
def isinstance_(machine: Machine, call: Call) -> Value:
    """``isinstance(x, str)`` on constants and containers."""
    given = call.arguments.positional
    if len(given) != 2:
        return unknown(call.frame, call.node, "a type test")
    kinds = elements(machine, given[1]) or [given[1]]
    names = [kind.name.rsplit(".", 1)[-1] for kind in kinds if isinstance(kind, Library)]
    value = given[0]
    own = (
        value.target.cls if isinstance(value, Ref) and isinstance(value.target, Instance) else None
    )
    if own is not None and any(kind in own.lineage() for kind in kinds):
        return Const(True, trace(call.frame, call.node, "compute", None, value.trace))
    if own is not None and own.library_base() is None:
        return Const(False, trace(call.frame, call.node, "compute", None, value.trace))
    actual = _model_names(value, names) or _type_names(value)
    if actual is None or len(names) != len(kinds):
        return unknown(call.frame, call.node, "a type test of what is not known", value)
    verdict = any(name in actual for name in names)
    return Const(verdict, trace(call.frame, call.node, "compute", None, value.trace))


_ADAPTED = frozenset({"PeftModel", "PeftModelForCausalLM", "PeftMixedModel"})


def _model_names(value: Value, names: list[str]) -> set[str] | None:
    """Of a model that is asked whether it is an adapted one: whether it has an adapter."""
    if not names or not _ADAPTED.issuperset(names) or not is_model(value):
        return None
    held = value.target.slots.get("adapter") if isinstance(value, Ref) else None
    if held is None or (isinstance(held, Const) and held.value is None):
        return {"PreTrainedModel"}
    return None if isinstance(held, Unknown | OneOf) else set(_ADAPTED)


def _type_names(value: Value) -> set[str] | None:
    if isinstance(value, Const):
        return {cls.__name__ for cls in type(value.value).__mro__} - {"object"}
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        return {value.target.kind, "Sequence", "Iterable"}
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        return {"dict", "Mapping", "DictConfig"}
    return None


@function("builtins.hasattr")
def hasattr_(machine: Machine, call: Call) -> Value:
    """``hasattr(x, "name")``."""
    given = call.arguments.positional
    name = known_text(given[1]) if len(given) > 1 else None
    verdict = known_attribute(machine, given[0], name) if name is not None else None
    if verdict is None:
        return unknown(call.frame, call.node, f"whether it has the attribute {name}")
    return Const(verdict, trace(call.frame, call.node, "compute"))


@function("builtins.getattr")
def getattr_(machine: Machine, call: Call) -> Value:
    """``getattr(torch, "bfloat16")``, with its default."""
    given = call.arguments.positional
    if len(given) < 2:
        return unknown(call.frame, call.node, "getattr() of what is not known")

    def one(name_value: Value) -> Value:
        name = known_text(name_value)
        if name is None:
            return unknown(call.frame, call.node, "an attribute that is not known", name_value)
        if len(given) > 2 and known_attribute(machine, given[0], name) is False:
            return given[2]
        found = get_attribute(machine, given[0], name, call.node, call.frame)
        if isinstance(found, Library) and name_value.trace is not None:
            # The name decides the value: getattr(torch, args.dtype) stems from the flag.
            step = trace(call.frame, call.node, "compute", None, name_value.trace)
            return found.traced(step)
        return found

    return operators.lift(one, given[1])


@function("builtins.setattr")
def setattr_(machine: Machine, call: Call) -> Value:
    """``setattr(args, "lr", 1e-4)``."""
    from qlint.readers.python.assignment import set_attribute

    given = call.arguments.positional
    name = known_text(given[1]) if len(given) == 3 else None
    if name is not None:
        set_attribute(machine, given[0], name, given[2])
    elif len(given) == 3:
        _set_any(machine, given[0], given[1], call)
    return Const(None)


_CONFIGURED = frozenset({"namespace", "arguments", "adapter", "quantisation"})


def _set_any(machine: Machine, receiver: Value, name: Value, call: Call) -> None:
    """``setattr(args, key, value)`` with a key that is not known may set any of its fields."""
    if not isinstance(receiver, Ref) or not isinstance(receiver.target, Instance):
        return
    instance = receiver.target
    if instance.role not in _CONFIGURED and not (instance.cls and is_record(instance.cls)):
        return
    cause = unknown(call.frame, call.node, "an attribute whose name is not known", name)
    machine.journal.write(instance.meta, "rest", cause)
    for key in list(instance.slots.data):
        machine.journal.write(instance.slots, key, cause)


@function("builtins.vars")
def vars_(machine: Machine, call: Call) -> Value:
    """``vars(args)`` shares the attributes."""
    value = call.arguments.get("object", 0)
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        shared = Mapping(value.target.slots)
        shared.meta = value.target.meta
        return Ref(shared, value.trace)
    return unknown(call.frame, call.node, "vars() of what is not known", value or Const(None))


@function("operator.itemgetter", "operator.attrgetter")
def getter(machine: Machine, call: Call) -> Value:
    """``itemgetter("lr")``: a callable that takes an item."""
    given = call.arguments.positional
    if len(given) != 1:
        return unknown(call.frame, call.node, "a getter of several items")
    name = "qlint.take_item" if call.name.endswith("itemgetter") else "qlint.take_attribute"
    return Partial(Library(name), Arguments([given[0]]), given[0].trace)


@function("qlint.take_item")
def take_item(machine: Machine, call: Call) -> Value:
    """What ``itemgetter`` does when it is called."""
    index, value = call.arguments.positional
    return subscripts.item(machine, value, index, call.frame, call.node)


@function("qlint.take_attribute")
def take_attribute(machine: Machine, call: Call) -> Value:
    """What ``attrgetter`` does when it is called."""
    name, value = call.arguments.positional
    return getattr_(machine, call.with_positional([value, name]))


@function("builtins.locals", "builtins.globals")
def names_in_force(machine: Machine, call: Call) -> Value:
    """``locals()`` is a snapshot, ``globals()`` the module's names themselves."""
    made = trace(call.frame, call.node, "compute")
    if call.name.endswith("globals"):
        return Ref(Mapping(call.frame.globals.slots), made)
    snapshot = Mapping()
    snapshot.slots.data.update(call.frame.slots.data)
    return Ref(snapshot, made)


@function("builtins.super")
def super_(machine: Machine, call: Call) -> Value:
    """``super()`` inside a method."""
    frame = call.frame
    while frame.parent is not None and (frame.owner is None or frame.receiver is None):
        frame = frame.parent
    if frame.owner is None or frame.receiver is None:
        return unknown(call.frame, call.node, "super() outside a method")
    return Super(frame.receiver, frame.owner)


@function("builtins.type")
def type_(machine: Machine, call: Call) -> Value:
    """``type(x)``."""
    value = call.arguments.get("object", 0)
    if isinstance(value, Ref) and isinstance(value.target, Instance) and value.target.cls:
        return value.target.cls
    made = trace(call.frame, call.node, "compute", None, value.trace if value else None)
    if isinstance(value, Const):
        return Library(f"builtins.{type(value.value).__name__}", made)
    if isinstance(value, Ref) and isinstance(value.target, Sequence):
        return Library(f"builtins.{value.target.kind}", made)
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        return Library("builtins.dict", made)
    return unknown(call.frame, call.node, "a type that is not known")
