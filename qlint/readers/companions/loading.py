"""Loads a configuration that a run names: a file of the project, or a table written in place."""

from __future__ import annotations

import os
from collections.abc import Callable

from qlint.knowledge.frameworks import framework
from qlint.readers.documents import Refusal, load
from qlint.readers.documents.nodes import Entry, Mapping, Node, Scalar, Sequence, Span
from qlint.readers.frameworks import companions
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import Companion, Field, Json, Note, Origin

MAXIMUM_BYTES = 1_000_000
_DEEPEST = 20

Read = Callable[[str], "tuple[str, bytes] | None"]
"""The path as shown, and the contents, of a file that the run names; None where it is not there."""


class NotThere(Exception):
    """A configuration that cannot be read: the reason."""


def load_companion(format_name: str, named: Field, read: Read) -> tuple[Companion, list[Note]]:
    """What a named configuration says. Raises NotThere with the reason where that is not known."""
    if not named.known:
        raise NotThere(named.reason or f"the {format_name} configuration is not known")
    if isinstance(named.value, dict):
        place = named.origin[0] if named.origin else Origin()
        return _read(place.path or "", _as_node(named.value, place, 0), format_name)
    if not isinstance(named.value, str):
        raise NotThere(f"the {format_name} configuration is neither a file nor a table")
    text = named.value
    if text.lstrip().startswith("{"):
        place = named.origin[0] if named.origin else Origin()
        return _read(place.path or "", _document(text.encode(), ".json", "it"), format_name)
    found = read(text)
    if found is None:
        raise NotThere(f"the {format_name} configuration {text} is not there")
    shown, data = found
    suffix = os.path.splitext(shown)[1].lower()
    return _read(shown, _document(data, suffix, shown), format_name)


def _document(data: bytes, suffix: str, shown: str) -> Node:
    try:
        documents = load(data, suffix)
    except Refusal as refusal:
        raise NotThere(f"{shown} cannot be read: {refusal.message}") from None
    if not documents:
        raise NotThere(f"{shown} is empty")
    return documents[0].root


def _read(shown: str, root: Node, format_name: str) -> tuple[Companion, list[Note]]:
    if not isinstance(root, Mapping):
        raise NotThere(f"{shown} holds no table")
    found = companions.recognise(root) or format_name
    if found != format_name:
        raise NotThere(f"{shown} is a configuration of {found}, not of {format_name}")
    sheet = Sheet(shown, root, framework("companions"))
    return companions.read(sheet, found), sheet.notes


def _as_node(value: Json, place: Origin, depth: int) -> Node:
    """A table that is written in place, all of it standing where the run names it."""
    line, column = place.line or 1, place.column or 1
    span = Span(line, column, place.end_line or line, place.end_column or column)
    if depth < _DEEPEST and isinstance(value, dict):
        mapping = Mapping(span)
        for key, inner in value.items():
            node = _as_node(inner, place, depth + 1)
            mapping.entries[str(key)] = Entry(node, node)
        return mapping
    if depth < _DEEPEST and isinstance(value, list):
        sequence = Sequence(span)
        sequence.items = [_as_node(inner, place, depth + 1) for inner in value]
        return sequence
    return Scalar(str(value), value if not isinstance(value, dict | list) else None, False, span)
