"""The sheet a framework's reader fills in: a recipe field for each key that is written.

A framework says with the facts in its data file which keys decide which field; what is special
about it is a few lines of Python on top. A sheet turns nodes into fields: written is `set`, a
framework's default is `default`, a placeholder, a tag or a variable of the environment is
`unknown` with the reason, null is not written at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from qlint.knowledge.frameworks import REQUIRED, Framework, framework
from qlint.readers.documents import nodes
from qlint.readers.documents.scalars import looks_like_number, resolve_loosely
from qlint.readers.frameworks.spelling import nearest_name
from qlint.recipe import ABSENT, Field, Json, Note, Origin, State

Normalise: TypeAlias = Callable[[Json], Json]

_PLACEHOLDER = re.compile(r"\{\{|\{%|\$\{|\$[A-Z_]{2,}|<[A-Za-z_ ]+>\Z")
_INTERPOLATION = re.compile(r"\$\{([\w.]+)\}\Z")
_MOST_VALUES = 5_000
"""Values taken from one node; a list of modules has dozens."""

NUMERIC_FIELDS = frozenset({
    "lora_r", "lora_alpha", "lora_dropout", "learning_rate", "max_grad_norm", "weight_decay",
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps",
    "max_seq_length", "warmup", "world_size",
})  # fmt: skip


class Lost(Exception):
    """A value, or a part of one, that is not known: the reason."""


class Sheet:
    """The fields of one run, filled in from one mapping of a document."""

    def __init__(
        self,
        path: str,
        root: nodes.Mapping,
        knowledge: Framework,
        versions: Mapping[str, str] | None = None,
        command: str | None = None,
    ) -> None:
        self.path = path
        self.command = command
        self.elsewhere: str | None = None
        """What else decides, if anything: a file that is not there, words that are not known."""
        self.root = root
        self.knowledge = knowledge
        self.versions = versions or {}
        self.fields: dict[str, Field] = {}
        self.notes: list[Note] = []
        self.assumptions: list[str] = []
        self.further_keys: set[str] = set()
        self._keys: dict[int, nodes.Span] = {}

    # -- what is written ---------------------------------------------------------------------

    def node(self, key: str) -> nodes.Node | None:
        """The node at a dotted key; None where there is none, or it is null."""
        entry = self.root.entry_at(key)
        if entry is None:
            return None
        found = entry.value
        if isinstance(found, nodes.Scalar):
            return found if found.value is not None else None
        self._keys[id(found)] = entry.key
        return found

    def value(self, key: str) -> Json:
        """The plain value of a key; None where it is not written or not known."""
        node = self.node(key)
        if node is None:
            return None
        try:
            return self.plain(node)
        except Lost:
            return None

    def on(self, key: str) -> bool:
        """Whether a key is known to be truthy."""
        return bool(self.value(key))

    def plain(self, node: nodes.Node) -> Json:
        """The JSON value of a node. Raises Lost where a part of it is not known."""
        if type(node) is nodes.Scalar:
            return self._scalar(node, 0)
        return self._plain(node, [_MOST_VALUES], 0)

    def _plain(self, node: nodes.Node, budget: list[int], depth: int) -> Json:
        budget[0] -= 1
        if budget[0] < 0 or depth > 40:
            raise Lost("more values than a configuration has")
        if isinstance(node, nodes.Scalar):
            return self._scalar(node, depth)
        if isinstance(node, nodes.Sequence):
            return [self._plain(item, budget, depth + 1) for item in node.items]
        if isinstance(node, nodes.Mapping):
            return {
                key: self._plain(entry.value, budget, depth + 1)
                for key, entry in node.entries.items()
            }
        raise Lost(node.reason)

    def _scalar(self, node: nodes.Scalar, depth: int) -> Json:
        value = node.value
        if not isinstance(value, str):
            return value
        if "$" in value or "{" in value or "<" in value:
            return self._filled_in(value, depth)
        if node.plain and self.knowledge.loader == "loose":
            return resolve_loosely(value)
        return value

    def _filled_in(self, text: str, depth: int) -> Json:
        interpolation = _INTERPOLATION.match(text)
        if interpolation and self.knowledge.loader == "loose":
            target = self.root.at(interpolation[1])
            if target is not None and depth < 8:
                return self._plain(target, [_MOST_VALUES], depth + 20)
        found = _PLACEHOLDER.search(text)
        if found is None:
            return text
        if text[found.start()] == "$":
            raise Lost(f"depends on the environment: {text[:60]}")
        raise Lost(f"a placeholder that is filled in before use: {text[:60]}")

    # -- fields ------------------------------------------------------------------------------

    def origins(self, node: nodes.Node, via: str) -> tuple[Origin, ...]:
        """Where a node stands, and the way it came where it stands in no document."""
        if type(node.place) is nodes.Given:
            return node.place.stations
        span = node.span
        if not isinstance(node, nodes.Scalar):
            span = self._from_its_key(node) or span
        return (self._at(span, via),)

    def _at(self, span: nodes.Span, via: str) -> Origin:
        return Origin(self.path, span.line, span.column, None, None, via,
                      span.end_line, span.end_column)  # fmt: skip

    def _from_its_key(self, node: nodes.Node) -> nodes.Span | None:
        """A list or mapping of its own lines stands where its key does."""
        key = self._keys.get(id(node))
        if key is None or key.line == node.span.line:
            return None
        return nodes.Span(key.line, key.column, node.span.end_line, node.span.end_column)

    def written(
        self, key: str, normalise: Normalise | None = None, via: str | None = None
    ) -> Field | None:
        """The field that a key decides; None where it is not written."""
        node = self.node(key)
        if node is None:
            return None
        origin = self.origins(node, via or key)
        try:
            value = self.plain(node)
            if normalise is not None:
                value = normalise(value)
        except Lost as lost:
            return Field(State.UNKNOWN, None, (*origin, replace(origin[-1], via=str(lost))))
        return Field(State.SET, value, origin)

    def concluded(self, key: str, value: Json, via: str | None = None) -> Field:
        """A field with a value that follows from what a key says."""
        node = self.node(key)
        if node is None:
            return self.by_default(value, via)
        return Field(State.SET, value, self.origins(node, via or key))

    def by_default(self, value: Json, what: str | None = None) -> Field:
        """A field with a default of the framework."""
        return Field(State.DEFAULT, value, (Origin(via=what or self._default_of),))

    @property
    def _default_of(self) -> str:
        return f"default of {self.knowledge.label}"

    def unknown(self, reason: str, key: str | None = None) -> Field:
        """An unknown field, at the key that makes it so where there is one."""
        node = self.node(key) if key is not None else None
        if node is None:
            return Field(State.UNKNOWN, None, (Origin(via=reason),))
        origin = self.origins(node, reason)
        if origin[-1].via != reason:
            origin = (*origin, replace(origin[-1], via=reason))
        return Field(State.UNKNOWN, None, origin)

    def default_of(self, key: str) -> Field | None:
        """The framework's own default of a key; None where it has none, or that is None."""
        return _default_field(self.knowledge.file, key)

    def fact(self, name: str) -> Field:
        """A field that the framework's code decides whatever is written."""
        return _fact_field(self.knowledge.file, name)

    def take(self, field: str, normalise: Normalise | None = None) -> Field:
        """Fill in a field from the keys that decide it, else from the framework's default."""
        keys = self.knowledge.fields.get(field, ())
        found: Field | None = None
        for key in keys:
            found = self.written(key, normalise)
            if found is not None:
                if field in NUMERIC_FIELDS:
                    self.check_number(key, found)
                break
        if found is None:
            for key in keys:
                found = self.default_of(key)
                if found is not None:
                    if normalise is not None:
                        found = replace(found, value=normalise(found.value))
                    break
        if found is None and field in self.knowledge.facts:
            found = self.fact(field)
        self.fields[field] = found if found is not None else ABSENT
        return self.fields[field]

    def take_all(self, *names: str) -> None:
        """Fill in several fields that have nothing special about them."""
        for name in names:
            self.take(name)

    def require(self, *names: str) -> None:
        """What a run cannot do without and is not written is given elsewhere: unknown."""
        for name in names:
            if self.fields.get(name, ABSENT).state is State.ABSENT:
                self.fields[name] = self.unknown(
                    f"{name} is not written here and {self.knowledge.package} has no default"
                )

    def absent(self, *names: str) -> None:
        """Fields that have no meaning for this run."""
        for name in names:
            self.fields[name] = ABSENT

    # -- notes -------------------------------------------------------------------------------

    def note_number(self, key: str, text: str, node: nodes.Node) -> None:
        """A number that the framework's loader reads as text."""
        mantissa, mark, exponent = text.lower().replace("_", "").partition("e")
        if "." not in mantissa:
            mantissa += ".0"
        sign = "" if exponent.startswith(("-", "+")) or not mark else "+"
        meant = f"{mantissa}{mark}{sign}{exponent}"
        message = f"{key}: {text} is text to a YAML 1.1 loader; write {meant}"
        origin, owner = self.origins(node, key)[0], self.knowledge.file
        self.notes.append(Note("number-as-text", key, message, origin, meant, framework=owner))

    def note_ignored_key(self, key: str, message: str, remedy: str) -> None:
        """A key that has no effect beside what is written, or not written, besides."""
        entry = self.root.entry_at(key)
        if entry is None:
            return
        origin, owner = self._key_origin(entry, key), self.knowledge.file
        self.notes.append(Note("ignored-key", key, message, origin, remedy, framework=owner))

    def _key_origin(self, entry: nodes.Entry, path: str) -> Origin:
        """Where a key stands."""
        place = entry.place.place
        origin = place.stations[0] if type(place) is nodes.Given else self._at(entry.key, path)
        if origin.path is None:  # Typed behind `--`: it stands in no file.
            return replace(origin, path=self.path, line=1, column=1)
        return origin

    def check_number(self, key: str, field: Field) -> None:
        """Note a number that was read as text."""
        node = self.node(key)
        text = field.value
        if isinstance(text, str) and isinstance(node, nodes.Scalar) and looks_like_number(text):
            self.note_number(key, text, node)

    def also_known(self, names: Iterable[str]) -> None:
        """Keys that belong to a library's class rather than to the framework."""
        self.further_keys.update(names)

    def note_unknown_keys(self, prefix: str = "", *, near_only: bool = False) -> None:
        """Keys that the framework does not have, with the nearest one that it has."""
        known, further = self.knowledge.known_keys, self.further_keys
        holder = self.root.at(prefix) if prefix else self.root
        if not isinstance(holder, nodes.Mapping):
            return
        for key, entry in holder.entries.items():
            if key in known or key in further or key.startswith(("x-", "_", ".")):
                continue
            nearest = nearest_name(key, (known | further).difference(_besides(holder, entry)))
            if near_only and nearest is None:
                continue
            message = f"{self.knowledge.package} has no key {key!r}"
            if nearest:
                message += f"; did you mean {nearest}?"
            path = f"{prefix}.{key}" if prefix else key
            origin, owner = self._key_origin(entry, path), self.knowledge.file
            self.notes.append(Note("unknown-key", path, message, origin, nearest, framework=owner))


def _besides(holder: nodes.Mapping, entry: nodes.Entry) -> Iterable[str]:
    """What is written besides in the same place, which is not what was meant.

    A command line may well mean a key of the file.
    """
    if type(entry.place.place) is not nodes.Given:
        return holder.entries
    return [key for key, one in holder.entries.items() if type(one.place.place) is nodes.Given]


@cache
def _default_field(file: str, key: str) -> Field | None:
    knowledge = framework(file)
    parameters = knowledge.parameters
    fact = parameters.get(key) or parameters.get(key.rpartition(".")[2])
    if fact is None or fact.value is None or fact.value == REQUIRED:
        return None
    via = f"default of {knowledge.label} ({fact.source})"
    return Field(State.DEFAULT, fact.value, (Origin(via=via),))


@cache
def _fact_field(file: str, name: str) -> Field:
    knowledge = framework(file)
    fact = knowledge.facts[name]
    return Field(State.DEFAULT, fact.value, (Origin(via=f"{knowledge.label} ({fact.source})"),))


class NotTraining(Exception):
    """A file of the framework that does something other than train: inference, merging."""
