"""Classes of the program that inherit from dict: their entries are the slots of the instance."""

from __future__ import annotations

from qlint.readers.python import containers
from qlint.readers.python.attributes import MAPPING_METHODS
from qlint.readers.python.libraries.registry import Call, method
from qlint.readers.python.machine import Machine
from qlint.readers.python.values import (
    DICT_ROLE,
    Instance,
    Library,
    Mapping,
    Ref,
    UserClass,
    Value,
    as_dict,
)

_BASES = frozenset({"dict", "OrderedDict", "UserDict", "defaultdict"})


def inherits_from_dict(cls: UserClass) -> bool:
    """True for ``class Config(dict)``."""
    return any(
        isinstance(base, Library) and base.name.rsplit(".", 1)[-1] in _BASES
        for one in cls.lineage()
        for base in one.bases
    )


def fill_dict(machine: Machine, instance: Instance, call: Call) -> None:
    """``dict.__init__``: the entries of what is given."""
    dict_method(machine, Ref(instance), instance, call.renamed("update"))


@method(DICT_ROLE, *sorted(MAPPING_METHODS))
def dict_method(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """A method that the class inherits from dict."""
    plain = as_dict(receiver)
    assert isinstance(plain, Ref)
    assert isinstance(plain.target, Mapping)
    return containers.call_on_mapping(machine, plain, plain.target, call)
