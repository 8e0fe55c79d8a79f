"""What a command line puts in the place of what a configuration says: the tree with both.

The tree of the document is never changed: the mappings on the way to an overridden key are copied,
once each. An overriding value keeps the stations of its word, the first of them decisive, and names
at the end what it overrides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from qlint.readers.documents.nodes import Entry, Given, Mapping, Node, Opaque, Scalar, Sequence
from qlint.recipe import Origin

_DEEPEST = 20
"""Keys within keys; configurations have four."""


@dataclass(frozen=True, slots=True)
class Override:
    """A key, dotted where it lies within others, with its new value; None takes it away."""

    key: str
    node: Node | None
    place: Given


def overridden(root: Mapping, overrides: Iterable[Override], path: str) -> Mapping:
    """The tree of ``root`` with ``overrides`` applied in their order; the last one wins."""
    copies: dict[int, Mapping] = {}
    top = _copied(root, copies)
    for override in overrides:
        *way, last = override.key.split(".", _DEEPEST)
        holder = top
        for depth, key in enumerate(way, start=1):
            inner = holder.get(key)
            if not isinstance(inner, Mapping):
                named, inner = holder.entries.get(key), Mapping(override.place)
                copies[id(inner)] = inner
                holder.entries[key] = Entry(inner, inner)
                if named is not None and [*way, last][depth] == "init_args":
                    # A component given by its name alone, in jsonargparse's way, keeps it.
                    inner.entries["class_path"] = named
            elif id(inner) not in copies:
                inner = _copied(inner, copies)
                holder.entries[key] = Entry(holder.entries[key].place, inner)
            holder = inner
        _put(holder, last, override, path)
    return top


def _copied(mapping: Mapping, copies: dict[int, Mapping]) -> Mapping:
    copy = Mapping(mapping.place)
    copy.entries = dict(mapping.entries)
    copies[id(copy)] = copy
    return copy


def _put(holder: Mapping, key: str, override: Override, path: str) -> None:
    before = holder.entries.get(key)
    if override.node is None:
        holder.entries.pop(key, None)
        return
    place = override.place
    replaced = _where(before, path) if before is not None else None
    if replaced is not None:
        via = f"overrides {override.key} of {path}:{replaced.line}"
        place = Given((*place.stations, replace(replaced, via=via)))
    node = moved(override.node, place)
    holder.entries[key] = Entry(node, node)


def _where(entry: Entry, path: str) -> Origin | None:
    """Where an entry stands in the configuration; None where only the command line has it."""
    if type(entry.place.place) is Given:
        last = entry.place.place.stations[-1]
        return last if last.path == path else None
    span = entry.key
    return Origin(path, span.line, span.column, None, None, None, span.end_line, span.end_column)


def moved(node: Node, place: Given, done: dict[int, Node] | None = None) -> Node:
    """The same value, standing at ``place`` with all its parts; what is shared stays shared."""
    done = {} if done is None else done
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, Scalar):
        return Scalar(node.text, node.value, node.plain, place)
    if isinstance(node, Sequence):
        sequence = done[id(node)] = Sequence(place)
        sequence.items = [moved(item, place, done) for item in node.items]
        return sequence
    if isinstance(node, Mapping):
        mapping = done[id(node)] = Mapping(place)
        for key, entry in node.entries.items():
            value = moved(entry.value, place, done)
            mapping.entries[key] = Entry(value, value)
        return mapping
    return Opaque(node.reason, place)
