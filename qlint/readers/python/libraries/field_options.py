"""The options that the fields of a dataclass become, of the program's own and of a library's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qlint.knowledge import libraries
from qlint.readers.python.classes import field_default, record_fields
from qlint.readers.python.libraries.options import Option
from qlint.readers.python.libraries.roles import documented
from qlint.readers.python.machine import Machine
from qlint.readers.python.names import canonical
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    ClassField,
    Const,
    Instance,
    Library,
    Ref,
    UserClass,
    Value,
    known_text,
)


def options_of(machine: Machine, kind: Value) -> list[Option]:
    """The options that the fields of a dataclass become."""
    options: dict[str, list[Option]] = {}
    if isinstance(kind, UserClass):
        base = kind.library_base()
        if base is not None:
            options.update(_library_options(machine, base))
        for name, field in record_fields(kind).items():
            options[name] = _field_options(kind, field)
    elif isinstance(kind, Library):
        options.update(_library_options(machine, kind.name))
    return [option for own in options.values() for option in own]


def record_options(machine: Machine, kind: UserClass, prefix: str = "") -> list[Option]:
    """The options of a dataclass with their defaults; nested dataclasses' have a dotted name."""
    found: list[Option] = []
    for name, field in record_fields(kind).items():
        nested = kind.frame.find(field.annotation)
        if isinstance(nested, UserClass) and nested.fields and prefix.count(".") < 3:
            found.extend(record_options(machine, nested, f"{prefix}{name}."))
            continue
        options = _field_options(kind, field)
        default = field_default(machine, kind, field, kind.frame)
        for option in options:
            negated = option.action == "store_false"
            option.dest = prefix + option.dest
            option.flags = tuple(f"--{prefix}{flag[2:]}" for flag in option.flags)
            if negated:
                dashed = name.replace("_", "-")
                option.flags = (*option.flags, f"--{prefix}no-{name}", f"--{prefix}no-{dashed}")
            else:
                option.default = default
        found.extend(options)
    return found


def _library_options(machine: Machine, name: str) -> dict[str, list[Option]]:
    library, rest = documented(canonical(name))
    if library not in libraries.libraries():
        return {}
    found: dict[str, list[Option]] = {}
    for former, type_ in libraries.former_types(library, rest, machine.versions).items():
        found[former] = _annotated(former, type_ or "str", None)
        for option in found[former]:
            option.premise = f"--{former} is read as earlier releases of {library} took it"
    for parameter in libraries.parameters(library, rest, machine.versions).values():
        found[parameter.name] = _annotated(parameter.name, parameter.type or "str", None)
    return found


def add_short_flags(options: Sequence[Option], taken: set[str]) -> None:
    """What is nested is also given by its own name where that is free, as simple_parsing does."""
    for option in options:
        short = tuple(f"--{flag.rpartition('.')[2]}" for flag in option.flags if "." in flag)
        option.flags = tuple(flag for flag in (*option.flags, *short) if flag not in taken)
        taken.update(option.flags)


def _field_options(kind: UserClass, field: ClassField) -> list[Option]:
    options = _annotated(field.name, field.annotation, kind)
    for option in options:
        option.place = Trace("pass", kind.frame.file, field.node)
    default = field.default
    if isinstance(default, Ref) and isinstance(default.target, Instance):
        short = default.target.slots.get("aliases")
        flags = known_text(short)
        if flags is not None:
            options[0].flags = (flags, *options[0].flags)
    return options


def _annotated(name: str, annotation: str, kind: UserClass | None) -> list[Option]:
    """What a field's annotation makes of it: an option, for booleans one to negate it too."""
    option = Option(_spellings(name), name)
    bare = annotation.replace("typing.", "").strip("\"' ")
    bare = re.sub(r"^Optional\[(.*)\]$", r"\1", bare)
    bare = re.sub(r"^Union\[(.*), ?None\]$", r"\1", bare)
    bare = bare.replace("| None", "").replace("None |", "").strip()
    if re.match(r"(?i)list\[|list$|tuple\[", bare):
        option.nargs = "+"
        inner = re.search(r"\[(\w+)", bare)
        option.type = Library(f"builtins.{inner.group(1) if inner else 'str'}")
    elif bare == "bool":
        option.nargs = "?"
        option.const = Const(True)
        option.type = Library("string_to_bool")
        negated = Option(_spellings(f"no_{name}"), name)
        negated.action = "store_false"
        return [option, negated]
    elif bare in ("int", "float", "str"):
        option.type = Library(f"builtins.{bare}")
    elif bare.startswith("Literal["):
        option.type = None
    elif re.search(r"(?i)\bdict\b", bare):
        option.type = Library("json.loads")
    elif "float" in bare:
        option.type = Library("builtins.float")
    elif re.match(r"int\b", bare):
        option.type = Library("builtins.int")
    elif kind is not None:
        own = kind.frame.find(bare)
        option.type = own if isinstance(own, UserClass) else None
    return [option]


def _spellings(name: str) -> tuple[str, ...]:
    if "_" not in name:
        return (f"--{name}",)
    return (f"--{name}", f"--{name.replace('_', '-')}")
