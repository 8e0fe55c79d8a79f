"""What a module's names hold, as the tree that configurations are read from.

Every part keeps the way it came: `lr` in the optimizer's table is decided where `lr = 2e-4` stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from qlint.readers.documents import nodes
from qlint.readers.python.source import Trace, origins
from qlint.readers.python.values import (
    Const,
    Library,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    UserClass,
    Value,
)
from qlint.readers.python.values import Mapping as Table
from qlint.recipe import Origin

_DEEPEST = 30
_MOST = 20_000
"""Values in one tree; a configuration has hundreds."""


def tree_of(names: Mapping[str, Value], path: str) -> nodes.Mapping:
    """The names of a module, without those that hold no configuration."""
    return _Conversion(path).mapping(names, nodes.Span(1, 1, 1, 1))


class _Conversion:
    def __init__(self, path: str) -> None:
        self.path = path
        self.left = _MOST
        self.open: set[int] = set()

    def mapping(self, names: Mapping[str, Value], place: object) -> nodes.Mapping:
        made = nodes.Mapping(place)
        for name, value in names.items():
            if name.startswith("__"):
                continue
            node = self.node(value)
            made.entries[name] = nodes.Entry(node, node)
        return made

    def node(self, value: Value) -> nodes.Node:
        self.left -= 1
        place = self.place(value.trace)
        if self.left < 0:
            return nodes.Opaque("more values than a configuration has", place)
        if isinstance(value, Const):
            constant = value.value
            if constant is None or isinstance(constant, bool | int | float | str):
                return nodes.Scalar(str(constant), constant, False, place)
            return nodes.Scalar(repr(constant), repr(constant), False, place)
        if isinstance(value, Library):
            return nodes.Scalar(value.name, value.name, False, place)
        if isinstance(value, UserClass):
            return nodes.Scalar(value.name, value.name, False, place)
        if isinstance(value, Unknown):
            return nodes.Opaque(value.reason, place)
        if isinstance(value, OneOf):
            return nodes.Opaque("one of several values, by a condition that is not known", place)
        if isinstance(value, Ref):
            return self.structure(value, place)
        return nodes.Opaque("a value that is not followed", place)

    def structure(self, value: Ref, place: nodes.Given) -> nodes.Node:
        target = value.target
        if id(target) in self.open or len(self.open) > _DEEPEST:
            return nodes.Opaque("a table within itself", place)
        self.open.add(id(target))
        try:
            if isinstance(target, Table):
                if target.rest is not None:
                    return nodes.Opaque(target.rest.reason, place)
                return self.mapping({str(key): one for key, one in target.entries()}, place)
            if isinstance(target, Sequence) and target.values is not None:
                made = nodes.Sequence(place)
                made.items = [self.node(item) for item in target.values]
                return made
        finally:
            self.open.discard(id(target))
        return nodes.Opaque("an object that is not followed", place)

    def place(self, trace: Trace | None) -> nodes.Given:
        stations = origins(trace)
        return nodes.Given(stations or (Origin(self.path, 1, 1),))
