"""Classes of the program that inherit from dict: their entries are the slots of the instance."""

from __future__ import annotations

from qlint.readers.python import containers, operators
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.attributes import MAPPING_METHODS
from qlint.readers.python.libraries.registry import Call, method
from qlint.readers.python.machine import Machine
from qlint.readers.python.values import Instance, Library, Mapping, Ref, UserClass, Value

ROLE = "dict"
_BASES = frozenset({"dict", "OrderedDict", "UserDict", "defaultdict"})


def inherits_from_dict(cls: UserClass) -> bool:
    """True for ``class Config(dict)``."""
    return any(
        isinstance(base, Library) and base.name.rsplit(".", 1)[-1] in _BASES
        for one in cls.lineage()
        for base in one.bases
    )


def as_mapping(instance: Instance) -> Mapping:
    """The instance as a plain dict that shares its entries."""
    shared = Mapping(instance.slots)
    shared.meta = instance.meta
    return shared


def fill_dict(machine: Machine, instance: Instance, arguments: Arguments) -> None:
    """``dict.__init__``: the entries of what is given."""
    target = as_mapping(instance)
    for value in arguments.positional:
        operators.merge(machine, target, machine.environment.as_dict(value))
    for name, value in arguments.keywords.items():
        machine.journal.write(target.slots, name, value)
    if arguments.rest is not None:
        machine.journal.write(target.meta, "rest", arguments.rest)


@method(ROLE, *sorted(MAPPING_METHODS))
def dict_method(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """A method that the class inherits from dict."""
    return containers.call_on_mapping(machine, receiver, as_mapping(instance), call)
