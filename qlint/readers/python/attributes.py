"""Reading attributes of abstract values."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Library,
    Mapping,
    ModuleValue,
    OneOf,
    Option,
    Partial,
    Ref,
    Sequence,
    Super,
    Unknown,
    UserClass,
    Value,
    decorator_name,
    one_of,
)
from qlint.readers.python.words import given_value

MAPPING_METHODS = frozenset(
    {"get", "items", "keys", "values", "update", "pop", "setdefault", "copy", "clear", "popitem"}
)


def get_attribute(
    machine: Machine, value: Value, name: str, node: cst.CSTNode, frame: Frame
) -> Value:
    """``value.name``."""
    if isinstance(value, OneOf):
        return _of_several(machine, value, name, node, frame)
    if isinstance(value, Library):
        if value.name == "sys" and name == "argv":
            return _argv(machine, node, frame)
        if name == "__version__":
            return _version(machine, value.name, node, frame)
        return Library(f"{value.name}.{name}", trace(frame, node, "literal"))
    if isinstance(value, ModuleValue):
        found = value.frame.slots.data.get(name)
        return found or unknown(frame, node, f"{value.name} has no {name}")
    if isinstance(value, Ref):
        return _of_object(machine, value, name, node, frame)
    if isinstance(value, UserClass):
        return _of_class(machine, value, name, node, frame)
    if isinstance(value, Super):
        return _of_super(value, name, node, frame)
    if isinstance(value, Const) and isinstance(value.value, tuple):
        return _of_version(value, name, node, frame)
    if isinstance(value, Const | Function | Partial):
        return Bound(value, name, trace(frame, node, "compute", None, value.trace))
    if isinstance(value, Unknown):
        tag = "module names" if name in ("named_modules", "modules") else value.tag
        return Unknown(value.reason, value.trace, tag)
    return unknown(frame, node, f"the attribute {name} of what is not known", value)


def _argv(machine: Machine, node: cst.CSTNode, frame: Frame) -> Value:
    """``sys.argv``: the script and the argv of this reading."""
    machine.assume_argv()
    made = trace(frame, node, "input", "sys.argv")
    words = tuple(
        given_value(word, trace(frame, node, "input", "sys.argv", word.station))
        for word in machine.argv
    )
    return Ref(Sequence((Const(machine.project.script, made), *words)), made)


def _version(machine: Machine, library: str, node: cst.CSTNode, frame: Frame) -> Value:
    from qlint.readers.python.libraries.releases import release_of

    made = trace(frame, node, "compute")
    found = release_of(machine, library, made)
    return found or Library(f"{library}.__version__", made)


def _of_version(value: Const, name: str, node: cst.CSTNode, frame: Frame) -> Value:
    from qlint.readers.python.libraries.releases import PARTS, part_of

    made = trace(frame, node, "compute", None, value.trace)
    return part_of(value.value, name, made) if name in PARTS else Bound(value, name, made)


def _of_several(
    machine: Machine, value: OneOf, name: str, node: cst.CSTNode, frame: Frame
) -> Value:
    options = [
        Option(get_attribute(machine, option.value, name, node, frame), option.condition)
        for option in value.options
        # Where it were None the program would fail here, so it is not.
        if not (isinstance(option.value, Const) and option.value.value is None)
    ]
    return one_of(options, value.trace) if options else unknown(frame, node, f"{name} of None")


def _of_object(machine: Machine, value: Ref, name: str, node: cst.CSTNode, frame: Frame) -> Value:
    target = value.target
    if isinstance(target, Sequence):
        return Bound(value, name)
    if isinstance(target, Mapping):
        if name in MAPPING_METHODS:
            return Bound(value, name)
        # Configurations of OmegaConf and the like answer to attributes as well.
        found = target.slots.get(name)
        if found is not None:
            return found
        rest = target.rest
        return Unknown(rest.reason, rest.trace) if rest is not None else Bound(value, name)
    assert isinstance(target, Instance)
    return _of_instance(machine, value, target, name, node, frame)


def _of_instance(
    machine: Machine, value: Ref, target: Instance, name: str, node: cst.CSTNode, frame: Frame
) -> Value:
    found = target.slots.data.get(name)
    if found is not None:
        return found
    if name == "__dict__":
        shared = Mapping(target.slots)
        shared.meta = target.meta
        return Ref(shared, value.trace)
    if name == "__class__" and target.cls is not None:
        return target.cls
    if target.cls is not None:
        member = target.cls.find(name)
        if member is not None:
            return bind_member(machine, value, member, node, frame)
    implicit = target.slots.get(name)
    if implicit is not None:
        return implicit
    rest = target.meta.get("rest")
    if isinstance(rest, Unknown) and target.role != "model":
        return Unknown(rest.reason, rest.trace)
    from qlint.readers.python.libraries import attribute_of

    special = attribute_of(machine, value, target, name, node, frame)
    if special is not None:
        return special
    return Bound(value, name, trace(frame, node, "compute", None, value.trace))


def bind_member(
    machine: Machine, receiver: Ref, member: Value, node: cst.CSTNode, frame: Frame
) -> Value:
    """A class attribute as seen from an instance: methods are bound, properties are run."""
    if not isinstance(member, Function):
        return member
    names = {decorator_name(decorator) for decorator in member.decorators}
    if "property" in names or "cached_property" in names:
        from qlint.readers.python.arguments import Arguments
        from qlint.readers.python.calls import call_value

        return call_value(machine, Bound(receiver, member), Arguments(), node, frame)
    if "staticmethod" in names:
        return member
    if "classmethod" in names and isinstance(receiver.target, Instance) and receiver.target.cls:
        return Bound(receiver.target.cls, member)
    return Bound(receiver, member)


def _of_class(
    machine: Machine, value: UserClass, name: str, node: cst.CSTNode, frame: Frame
) -> Value:
    found = value.find(name)
    if isinstance(found, Function):
        names = {decorator_name(decorator) for decorator in found.decorators}
        return Bound(value, found) if "classmethod" in names else found
    if found is not None:
        return found
    if name == "__name__":
        return Const(value.name, value.trace)
    for cls in value.lineage():
        field = cls.fields.get(name)
        if field is not None and field.default is not None:
            return field.default
    base = value.library_base()
    if base is not None:
        return Bound(value, name)
    return unknown(frame, node, f"class {value.name} has no {name}")


def _of_super(value: Super, name: str, node: cst.CSTNode, frame: Frame) -> Value:
    receiver = value.receiver
    instance = receiver.target if isinstance(receiver, Ref) else None
    cls = instance.cls if isinstance(instance, Instance) else None
    lineage = (cls or value.after).lineage()
    after = lineage[lineage.index(value.after) + 1 :] if value.after in lineage else ()
    for candidate in after:
        found = candidate.slots.get(name)
        if isinstance(found, Function):
            return Bound(receiver, found)
        if found is not None:
            return found
    return Bound(receiver, name, trace(frame, node, "compute"))


def known_attribute(machine: Machine, value: Value, name: str) -> bool | None:
    """``hasattr(value, name)`` where it is known, else None."""
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        target = value.target
        if target.slots.get(name) is not None:
            return True
        if target.cls is not None and target.cls.find(name) is not None:
            return True
        if target.role == "namespace" and target.meta.get("rest") is None:
            return False
        if target.role == "model" and name in (
            "enable_input_require_grads",
            "gradient_checkpointing_enable",
            "config",
        ):
            return True
        return None
    if isinstance(value, ModuleValue):
        return name in value.frame.slots.data
    if isinstance(value, OneOf):
        verdicts = {known_attribute(machine, option.value, name) for option in value.options}
        return verdicts.pop() if len(verdicts) == 1 else None
    return None
