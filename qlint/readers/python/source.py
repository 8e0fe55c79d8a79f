"""A parsed Python file, and the traces that tie a value to places in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from qlint.readers.python.nodes import assignments, children, names_read
from qlint.recipe import Origin

_NOWHERE = (1, 1, 1, 1)


def _positions_of(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    """The positions of all nodes.

    The tree is never changed here, so the copy that libcst makes by default is waste. So is the
    visit of the whole tree that ``resolve`` makes for batched providers, of which there are none.
    """
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    generate = getattr(PositionProvider(), "_gen", None)
    if generate is None:
        return wrapper.resolve(PositionProvider)
    positions: Mapping[cst.CSTNode, CodeRange] = generate(wrapper)
    return positions


class SourceFile:
    """One parsed file. Positions are resolved for the whole file on the first demand, then kept."""

    __slots__ = (
        "_assigned",
        "_codes",
        "_constants",
        "_loop_names",
        "_names",
        "_positions",
        "module",
        "path",
        "text",
    )

    def __init__(self, path: str, text: str, module: cst.Module) -> None:
        self.path = path
        self.text = text
        self.module = module
        self._positions: Mapping[cst.CSTNode, CodeRange] | None = None
        self._codes: dict[cst.CSTNode, str] = {}
        self._constants: dict[cst.CSTNode, object] = {}
        self._names: dict[cst.CSTNode, tuple[str, ...]] = {}
        self._loop_names: dict[cst.CSTNode, tuple[set[str], set[str]]] = {}
        self._assigned: dict[cst.CSTNode, list[str]] | None = None

    def code(self, node: cst.CSTNode) -> str:
        """The text of a node on one line."""
        text = self._codes.get(node)
        if text is None:
            text = " ".join(self.module.code_for_node(node).split())
            self._codes[node] = text
        return text

    def constant(self, node: cst.CSTNode, read: Callable[[cst.CSTNode], object]) -> object:
        """The value of a literal, which ``read`` gives: many are evaluated again and again."""
        if node not in self._constants:
            self._constants[node] = read(node)
        return self._constants[node]

    def names(self, node: cst.CSTNode) -> tuple[str, ...]:
        """The names that an expression reads."""
        found = self._names.get(node)
        if found is None:
            found = self._names[node] = names_read(node)
        return found

    def names_assigned(self, node: cst.CSTNode) -> list[str]:
        """The plain names that the value at a node is assigned to."""
        if self._assigned is None:
            self._assigned = {}
            for one in assignments(self.module):
                names = (target.target for target in one.targets)
                self._assigned[one.value] = [n.value for n in names if isinstance(n, cst.Name)]
        return self._assigned.get(node, [])

    def loop_names(self, node: cst.CSTNode) -> tuple[set[str], set[str]]:
        """The names that a loop assigns, and those that it reads."""
        found = self._loop_names.get(node)
        if found is None:
            found = self._loop_names[node] = (set(), set())
            _note_names(node, *found)
        return found

    def parts(self) -> list[Sequence[Any]]:
        """The statements in pieces that run on their own: an error ends only its piece."""
        return [self.module.body]

    def span(self, node: cst.CSTNode) -> tuple[int, int, int, int]:
        """Line, column, end line, end column of a node; from 1, end exclusive, in code points."""
        if self._positions is None:
            self._positions = _positions_of(self.module)
        found = self._positions.get(node)
        if found is None:
            return _NOWHERE
        start, end = found.start, found.end
        return start.line, start.column + 1, end.line, end.column + 1


def _note_names(node: cst.CSTNode, assigned: set[str], read: set[str]) -> None:
    if isinstance(node, cst.Name):
        read.add(node.value)
        return
    if isinstance(node, cst.Attribute):
        _note_names(node.value, assigned, read)
        return
    if isinstance(node, cst.AssignTarget | cst.AugAssign | cst.AnnAssign | cst.NamedExpr):
        if isinstance(node.target, cst.Name):
            assigned.add(node.target.value)
            if isinstance(node, cst.AssignTarget):
                return
        elif isinstance(node.target, cst.Tuple | cst.List):
            for element in node.target.elements:
                if isinstance(element.value, cst.Name):
                    assigned.add(element.value.value)
    for child in children(node):
        _note_names(child, assigned, read)


class ConfigFile:
    """A YAML or JSON file that the script reads; its nodes carry their own position."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def span(self, node: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The position itself: in a configuration file the node of a trace is its span."""
        return node


Step: TypeAlias = Literal["literal", "library", "pass", "compute", "input", "unknown"]
"""What a station of a trace did: ``literal`` and ``input`` (argv, a file) are where a value starts,
``library`` is a library's default, ``pass`` hands it on unchanged, ``compute`` made a new one."""


class Trace:
    """One station on the way of a value, linked to the stations before it. Never mutated."""

    __slots__ = ("file", "node", "parents", "step", "via")

    def __init__(
        self,
        step: Step,
        file: SourceFile | ConfigFile | None = None,
        node: object = None,
        via: str | None = None,
        parents: tuple[Trace, ...] = (),
    ) -> None:
        self.step = step
        self.file = file
        self.node = node
        self.via = via
        self.parents = parents

    def origin(self) -> Origin:
        """This station as an origin of the report."""
        if self.file is None or self.node is None:
            return Origin(via=self.via)
        line, column, end_line, end_column = self.file.span(self.node)  # type: ignore[arg-type]
        return Origin(
            self.file.path, line, column, via=self.via, end_line=end_line, end_column=end_column
        )

    @property
    def from_library(self) -> bool:
        """True when the value is a library's default that nothing on the way has changed."""
        station = self
        while station.step == "pass" and station.parents:
            station = station.parents[0]
        return station.step == "library"


class Elsewhere(Trace):
    """A station in another input: a word of the command that starts the script."""

    __slots__ = ("written",)

    def __init__(self, written: Origin, parents: tuple[Trace, ...] = ()) -> None:
        super().__init__("pass" if parents else "input", via=written.via, parents=parents)
        self.written = written

    def origin(self) -> Origin:
        """The origin that it was given with."""
        if self.written.via is None:
            return replace(self.written, via="written in the command")
        return self.written


def origins(trace: Trace | None, limit: int = 12) -> tuple[Origin, ...]:
    """The chain of a value from where it was decided (first) to where it is used (last).

    A computed value has several parents: their chains come one after the other, each station once.
    """
    if trace is None:
        return ()
    ordered: list[Trace] = []
    seen: set[int] = set()

    def visit(station: Trace, depth: int) -> None:
        if id(station) in seen or depth > 40:
            return
        seen.add(id(station))
        for parent in station.parents:
            visit(parent, depth + 1)
        ordered.append(station)

    visit(trace, 0)
    if len(ordered) > limit:
        ordered = ordered[: limit // 2] + ordered[-(limit - limit // 2) :]
    chain: list[Origin] = []
    for station in ordered:
        found = station.origin()
        if chain and found == chain[-1]:
            continue
        chain.append(found)
    return tuple(chain)
