"""Making instances of the program's own classes: dataclasses, enums, subclasses of libraries."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_function, call_value
from qlint.readers.python.flags import switch
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.names import canonical
from qlint.readers.python.values import (
    DICT_ROLE,
    ClassField,
    Const,
    Function,
    Instance,
    Library,
    Ref,
    Unknown,
    UserClass,
    Value,
    decorator_name,
)

_RECORD_BASES = frozenset({"NamedTuple", "BaseModel", "BaseSettings", "Struct", "SQLModel"})
_RECORD_DECORATORS = frozenset({"dataclass", "define", "frozen", "s", "attrs", "chz", "wrap"})


def is_record(cls: UserClass) -> bool:
    """True for dataclasses and their like: annotated fields become parameters."""
    for ancestor in cls.lineage():
        if any(decorator_name(d) in _RECORD_DECORATORS for d in ancestor.decorators):
            return True
        for base in ancestor.bases:
            if isinstance(base, Library) and base.name.rsplit(".", 1)[-1] in _RECORD_BASES:
                return True
    return False


def record_fields(cls: UserClass) -> dict[str, ClassField]:
    """The fields of a record in the order of its parameters, inherited ones first."""
    fields: dict[str, ClassField] = {}
    for ancestor in reversed(cls.lineage()):
        fields.update(ancestor.fields)
    return fields


def instantiate(
    machine: Machine, cls: UserClass, arguments: Arguments, node: cst.CSTNode, frame: Frame
) -> Value:
    """``cls(...)``."""
    from qlint.readers.python.libraries import Call, call_library, library_role
    from qlint.readers.python.libraries.dict_classes import inherits_from_dict

    base = cls.library_base()
    name = canonical(base) if base is not None else None
    if name == "transformers.HfArgumentParser" and _is_alignment_parser(cls):
        return call_library(machine, Call("alignment.H4ArgumentParser", arguments, node, frame))
    if name is not None and name.rsplit(".", 1)[-1] in ("Enum", "IntEnum", "StrEnum"):
        return _member(cls, arguments, node, frame)
    role = library_role(name) if name is not None else "object"
    if inherits_from_dict(cls):
        role = DICT_ROLE
    instance = Instance(role, name, cls)
    instance.slots.fallback = partial(_class_attribute, cls)
    made = Ref(instance, trace(frame, node, "literal"))
    if role == "trainer":
        instance.native = (node, frame)
    init = cls.find("__init__")
    if isinstance(init, Function):
        call_function(machine, init, arguments, made, node, frame)
    elif is_record(cls):
        fill_record(machine, made, cls, arguments, node, frame)
    else:
        _initialise_library(machine, made, cls, arguments, node, frame)
    return made


def _is_alignment_parser(cls: UserClass) -> bool:
    """The alignment handbook's parser, which many projects hold a copy of."""
    own = ("parse", "parse_yaml_and_args")
    return cls.name == "H4ArgumentParser" and all(cls.find(name) is not None for name in own)


def _class_attribute(cls: UserClass, key: Hashable) -> Value | None:
    """What an instance shows at a name until it is set there."""
    found = cls.find(str(key))
    return None if isinstance(found, Function) else found


def fill_record(
    machine: Machine,
    made: Ref,
    cls: UserClass,
    arguments: Arguments,
    node: cst.CSTNode,
    frame: Frame,
) -> None:
    """Set the fields of a record from arguments and defaults, then run ``__post_init__``."""
    instance = made.target
    fields = record_fields(cls)
    bound = arguments.bind(tuple(fields), frame, cls.name)
    passed: list[Value] = []
    for name, field in fields.items():
        value = bound.pop(name, None) or arguments.rest
        if value is None:
            value = field_default(machine, cls, field, frame)
            if value is not None and not arguments.every():
                value = switch(machine, f"{cls.name}.{name} = True", value)
        if value is None:
            reason = f"field {name} of {cls.name} is required"
            value = arguments.rest or unknown(frame, node, reason)
        if "InitVar" in field.annotation:
            passed.append(value)
        else:
            instance.slots.data[name] = value
    library = cls.library_base()
    if library is not None:
        left_over = Arguments([], bound, arguments.rest)
        left_over.nodes = dict(arguments.nodes)
        _initialise_library(machine, made, cls, left_over, node, frame, overwrite=False)
    else:
        instance.slots.data.update(bound)
    post_init = cls.find("__post_init__")
    if isinstance(post_init, Function):
        call_function(machine, post_init, Arguments(passed), made, node, frame)


def field_default(
    machine: Machine, cls: UserClass, field: ClassField, frame: Frame
) -> Value | None:
    """The default of a record's field: its value, or that of its ``default_factory``."""
    default = field.default
    if isinstance(default, Ref) and isinstance(default.target, Instance):
        if default.target.role != "field":
            return default
        keywords = default.target.slots
        factory = keywords.get("default_factory")
        if factory is not None:
            result = call_value(machine, factory, Arguments(), cls.node, cls.frame)
            if isinstance(field.node, cst.CSTNode):
                via = f"default of field {field.name} of {cls.name}"
                return result.traced(trace(cls.frame, field.node, "pass", via, result.trace))
            return result
        value = keywords.get("default")
        if value is None:
            return None
        via = f"default of field {field.name} of {cls.name}"
        if isinstance(field.node, cst.CSTNode):
            return value.traced(trace(cls.frame, field.node, "pass", via, value.trace))
        return value
    return default


def _initialise_library(
    machine: Machine,
    made: Ref,
    cls: UserClass,
    arguments: Arguments,
    node: cst.CSTNode,
    frame: Frame,
    overwrite: bool = True,
) -> None:
    from qlint.readers.python.libraries import Call, initialise
    from qlint.readers.python.libraries.dict_classes import inherits_from_dict

    base = cls.library_base()
    if base is None and not inherits_from_dict(cls):
        for name, value in arguments.keywords.items():
            made.target.slots.data.setdefault(name, value)
        if arguments.rest is not None and isinstance(made.target, Instance):
            made.target.meta.data["rest"] = arguments.rest
        return
    call = Call(base or "dict", arguments, node, frame)
    call.cls = cls
    initialise(machine, made, call, overwrite)


def _member(cls: UserClass, arguments: Arguments, node: cst.CSTNode, frame: Frame) -> Value:
    wanted = arguments.get("value", 0)
    for value in cls.slots.data.values():
        if not isinstance(value, Ref) or not isinstance(value.target, Instance):
            continue
        held = value.target.slots.get("value")
        if isinstance(held, Const) and isinstance(wanted, Const) and held.value == wanted.value:
            return value
    return Unknown(f"a member of {cls.name}", trace(frame, node, "unknown"))


def finish_enum(cls: UserClass) -> None:
    """Turn the constants of an Enum's body into its members."""
    base = cls.library_base()
    if base is None or base.rsplit(".", 1)[-1] not in ("Enum", "IntEnum", "StrEnum"):
        return
    for name, value in list(cls.slots.data.items()):
        if isinstance(value, Const) and isinstance(name, str) and not name.startswith("_"):
            member = Instance("enum", cls=cls)
            member.slots.data["name"] = Const(name, value.trace)
            member.slots.data["value"] = value
            cls.slots.data[name] = Ref(member, value.trace)
