"""YAML into nodes, from the parser's events.

Events and not ``compose``: the composer recurses within C and dies on deep nesting, while events
can be left at any time, so depth, size and aliases are bounded as they come. No tag is ever
constructed, an alias is a second reference to its node, and one to a node that is still open (a
cycle) is opaque.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from qlint.readers.documents.nodes import (
    Document,
    Entry,
    Mapping,
    Node,
    Opaque,
    Refusal,
    Repeated,
    Scalar,
    Sequence,
    Span,
)
from qlint.readers.documents.scalars import resolve

MAXIMUM_DEPTH = 60
MAXIMUM_NODES = 50_000
MAXIMUM_MERGED = 100_000
"""Entries that ``<<`` may bring in, over the whole file."""

_PARSER: Any = getattr(getattr(yaml, "cyaml", None), "CParser", None) or yaml.SafeLoader
"""libyaml's parser where PyYAML has it; the slow one has the same events."""

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", _CORE + "str"})
_PLAIN_TAGS = frozenset({_CORE + name for name in ("int", "float", "bool", "null")})
_STRUCTURES = frozenset({"!", _CORE + "map", _CORE + "seq", _CORE + "omap", _CORE + "set"})


def read_yaml(text: str) -> list[Document]:
    """The documents of a YAML text. Raises Refusal where it is broken or beyond the bounds."""
    builder = _Builder()
    parser = _PARSER(text)
    try:
        builder.build(parser.get_event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        slip = _slip(text, line, column)
        if slip is not None:
            raise Refusal(slip, line, column) from None
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise Refusal(f"not valid YAML: {what}", line, column) from None
    except yaml.YAMLError as error:
        said = str(error).split("\n", 1)[0]
        raise Refusal(f"not valid YAML: {said}") from None
    finally:
        parser.dispose()
    return builder.documents


_SLIPS = (
    ("\t", "a tab indents this line: YAML takes spaces only"),
    ("{%", "a template's block, {% ... %}: give the file as it is after it was filled in"),
    ("%}", "a template's block, {% ... %}: give the file as it is after it was filled in"),
    ("@", "a value cannot start with @: put it in quotes"),
    ("`", "a value cannot start with a backtick: put it in quotes"),
    ("*", "* names an anchor that is defined before it: put a text that starts with * in quotes"),
)


def _slip(text: str, line: int, column: int) -> str | None:
    """What the parser stumbled over, where that is a common slip."""
    lines = text.splitlines()
    if line > len(lines):
        return None
    # The parser may point behind what it could not take.
    around = lines[line - 1][max(column - 2, 0) : column + 1]
    found = next((said for sign, said in _SLIPS if around[1:].startswith(sign)), None)
    return found or next((said for sign, said in _SLIPS if around.startswith(sign)), None)


class _Open:
    """A collection that is being read: its node, its anchor, the key that waits for a value."""

    __slots__ = ("anchor", "key", "mapping", "merges", "node")

    def __init__(self, node: Mapping | Sequence | Opaque, anchor: str | None) -> None:
        self.node = node
        self.mapping = isinstance(node, Mapping)
        self.anchor = anchor
        self.key: Scalar | None = None
        self.merges: list[Node] = []


class _Builder:
    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.repeated: list[Repeated] = []
        self.nodes = 0
        self.merged = 0

    def build(self, next_event: Any) -> None:
        """Take all events. Scalars, nine of ten, are dealt with here, without a call where it can
        be helped.
        """
        stack = self.stack
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                if event.tag is None and event.anchor is None:
                    text = event.value
                    # Without quotes the style is None or empty.
                    plain = not event.style
                    node = Scalar(text, resolve(text) if plain else text, plain, event)
                    opened = stack[-1] if stack else None
                    if opened is not None and opened.mapping and opened.key is None:
                        opened.key = node
                        self.nodes += 1
                    else:
                        self._add(node)
                else:
                    self._special(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self.anchors = {}
                self.repeated = []
            elif kind is StreamEndEvent:
                return

    def _add(self, node: Node) -> None:
        self.nodes += 1
        if self.nodes > MAXIMUM_NODES:
            message = f"more than {MAXIMUM_NODES} values; this is data, not a configuration"
            raise Refusal(message, node.span.line, node.span.column, hostile=True)
        if not self.stack:
            self.documents.append(Document(node, tuple(self.repeated)))
            return
        opened = self.stack[-1]
        holder = opened.node
        if opened.mapping:
            key = opened.key
            if key is not None:
                opened.key = None
                self._put(opened, key, node)
            elif type(node) is Scalar:
                opened.key = node
            else:
                # What follows is read over until the mapping ends.
                opened.node = _odd_key(holder, node)
                opened.mapping = False
        elif type(holder) is Sequence:
            holder.items.append(node)

    def _put(self, opened: _Open, key: Scalar, node: Node) -> None:
        entries: dict[str, Entry] = opened.node.entries  # type: ignore[union-attr]
        text = key.text
        if text == "<<" and key.plain:
            opened.merges.append(node)
            return
        if text in entries:
            self.repeated.append(Repeated(text, entries[text].key, key.span))
        entries[text] = Entry(key, node)

    def _special(self, event: Any) -> None:
        """A scalar with a tag or an anchor."""
        tag: str | None = event.tag
        text: str = event.value
        node: Node
        if tag is None or tag in _TEXT_TAGS:
            plain = not event.style and tag is None
            node = Scalar(text, resolve(text) if plain else text, plain, event)
        elif tag in _PLAIN_TAGS:
            value = _as_float(text) if tag == _CORE + "float" else resolve(text)
            node = Scalar(text, value, True, event)
        else:
            node = Opaque(_tagged(tag), event)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._add(node)

    def _open(self, event: Any, mapping: bool) -> None:
        node: Mapping | Sequence | Opaque
        if event.tag is not None and event.tag not in _STRUCTURES:
            node = Opaque(_tagged(event.tag), event)
        else:
            node = Mapping(event) if mapping else Sequence(event)
        if len(self.stack) >= MAXIMUM_DEPTH:
            message = f"nested more than {MAXIMUM_DEPTH} levels deep"
            raise Refusal(message, node.span.line, node.span.column, hostile=True)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(node, event.anchor))

    def _close(self, event: Any) -> None:
        opened = self.stack.pop()
        end = event.end_mark
        node = opened.node
        start = node.span
        node.place = Span(start.line, start.column, end.line + 1, end.column + 1)
        if opened.merges and isinstance(node, Mapping):
            for source in opened.merges:
                self._merge(node, source)
        if opened.anchor is not None:
            self.anchors[opened.anchor] = node
        self._add(node)

    def _alias(self, event: Any) -> None:
        placed = Opaque(f"the alias *{event.anchor} stands within its own anchor", event)
        if event.anchor not in self.anchors:
            span = placed.span
            raise Refusal(f"the alias *{event.anchor} has no anchor", span.line, span.column)
        node = self.anchors[event.anchor]
        self._add(placed if node is None else node)

    def _merge(self, target: Mapping, source: Node) -> None:
        """Entries of ``source`` that the mapping lacks; of a list of mappings the first wins."""
        sources = source.items if isinstance(source, Sequence) else [source]
        for one in sources:
            if not isinstance(one, Mapping):
                continue
            self.merged += len(one.entries)
            if self.merged > MAXIMUM_MERGED:
                message = f"merge keys bring in more than {MAXIMUM_MERGED} entries"
                raise Refusal(message, one.span.line, one.span.column, hostile=True)
            for key, entry in one.entries.items():
                target.entries.setdefault(key, entry)


def _as_float(text: str) -> bool | int | float | str | None:
    try:
        return float(text.replace("_", "")[:64])
    except ValueError:
        return resolve(text)


def _tagged(tag: str) -> str:
    shown = "!!" + tag[len(_CORE) :] if tag.startswith(_CORE) else tag
    return f"tagged {shown[:80]}, which is never constructed"


def _odd_key(holder: Node, key: Node) -> Opaque:
    """``{{ name }}`` without quotes is a mapping whose key is a mapping."""
    if isinstance(key, Mapping) and isinstance(holder, Mapping) and not holder.entries:
        return Opaque("a template placeholder, filled in before the file is used", holder.place)
    return Opaque("a mapping whose keys are not text", holder.place)
