"""Configurations that are built and reach no run."""

from __future__ import annotations

import re

import libcst as cst

from qlint.readers.python.machine import Event, Machine, trace
from qlint.readers.python.values import Instance
from qlint.recipe import DeadConfiguration

_ROLES = ("adapter", "quantisation", "arguments")


def dead_configurations(machine: Machine) -> tuple[DeadConfiguration, ...]:
    """Configuration objects that are built and reach no model, trainer or parser.

    One that the script still names somewhere else, if only to read an attribute of it, is taken
    for used: adapters excepted, which are of no use before they are put on a model.
    """
    reached = {id(event.target) for event in machine.events if event.kind == "applied"}
    found: list[DeadConfiguration] = []
    for event in machine.events:
        instance = event.target
        if event.kind != "built" or instance is None or instance.role not in _ROLES:
            continue
        if id(instance) in reached or event.condition == "called back":
            continue
        reached.add(id(instance))
        name = _constructor(event)
        if name is None or (instance.role != "adapter" and _is_named_again(event)):
            continue
        found.append(DeadConfiguration(name, trace(event.frame, event.node, "literal").origin()))
    return tuple(found)


def _constructor(event: Event) -> str | None:
    """The class whose call stands there; None for what a parser or a helper makes."""
    if not isinstance(event.node, cst.Call):
        return None
    node = event.node.func
    called = node.attr.value if isinstance(node, cst.Attribute) else None
    called = node.value if isinstance(node, cst.Name) else called
    instance = event.target
    library = (instance.library or "").rsplit(".", 1)[-1] if instance is not None else ""
    own = instance.cls.name if isinstance(instance, Instance) and instance.cls else ""
    return library if called is not None and called in (library, own) else None


def _is_named_again(event: Event) -> bool:
    """Whether the name that it is assigned to stands elsewhere; True where it has no name."""
    names = event.frame.file.names_assigned(event.node)
    if not names:
        return True
    text = re.sub(r"#.*", "", event.frame.file.text)
    return any(
        len(re.findall(rf"(?<![\w.]){re.escape(name)}(?!\w)(?!\s*=[^=])", text)) > 0
        for name in names
    )
