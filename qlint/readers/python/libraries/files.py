"""Configuration files that a script reads: YAML, JSON and TOML beside it, ``.env``."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from qlint.readers.documents import nodes
from qlint.readers.documents.scalars import resolve, resolve_loosely
from qlint.readers.places import GeneratedFile
from qlint.readers.python.containers import from_python
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.source import ConfigFile, Trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Mapping,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    Value,
    known_text,
)
from qlint.readers.toml_text import parse_toml

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
_YAML = ("yaml.", "ruamel.", "omegaconf.")
"""Readers of YAML, to which a JSON file is just that."""


def load_path(machine: Machine, path: Value, call: Call, typed: bool = False) -> Value:
    """The contents of a configuration file; unknown where it is not there.

    ``typed`` reads scalars as OmegaConf does, which takes ``1e-4`` for a number where PyYAML's
    YAML 1.1 takes it for a text.
    """
    if isinstance(path, OneOf):
        from qlint.readers.python.operators import lift

        return lift(lambda option: load_path(machine, option, call, typed), path)
    text = path_text(path)
    if text is None:
        return unknown(call.frame, call.node, "a configuration file that is not known", path)
    found = machine.project.resolve(text)
    if found is None:
        reason = f"the configuration file {text} is not there"
        return Unknown(reason, trace(call.frame, call.node, "unknown", reason, path.trace))
    kept = machine.project.written.get(found)
    if isinstance(kept, GeneratedFile) and isinstance(kept.value, Value):
        from qlint.readers.python.libraries.written_files import snapshot

        return snapshot(kept.value)
    data = machine.project.read_bytes(found, MAX_BYTES)
    if data is None:
        return unknown(call.frame, call.node, f"the configuration file {text} cannot be read")
    return parse_configuration(data, machine.project.display(found), call, typed)


def parse_configuration(data: bytes, shown: str, call: Call, typed: bool = False) -> Value:
    """A YAML, JSON or TOML text as abstract values whose traces point into the file."""
    if shown.endswith(".toml"):
        return _toml(data, shown, call)
    from qlint.readers.documents import Refusal, load

    as_json = call.name.startswith(("json.", "orjson.", "ujson."))
    as_json = as_json or (shown.endswith(".json") and not call.name.startswith(_YAML))
    try:
        documents = load(data, ".json" if as_json else ".yaml")
    except Refusal as refusal:
        return unknown(call.frame, call.node, f"{shown} cannot be parsed: {refusal.message}")
    if len(documents) > 1:
        return unknown(call.frame, call.node, f"{shown} holds {len(documents)} documents")
    if not documents:
        return Const(None)
    return _NodeReader(ConfigFile(shown), typed or as_json, as_json).value(documents[0].root)


class _NodeReader:
    """Turns the nodes of a document into values; aliases are filled in, so what is made is counted.

    Whoever walks the values then need not fear a graph that is endless when written out.
    """

    def __init__(self, file: ConfigFile, typed: bool, as_json: bool) -> None:
        self.file = file
        self.typed = typed
        self.as_json = as_json
        self.left = MAX_NODES

    def value(self, node: nodes.Node) -> Value:
        self.left -= 1
        if self.left < 0:
            return Unknown("a configuration file too large to follow")
        station = Trace("input", self.file, tuple(node.span))
        if isinstance(node, nodes.Scalar):
            loose = self.typed and node.plain
            return Const(resolve_loosely(node.text) if loose else node.value, station)
        if isinstance(node, nodes.Opaque):
            return Unknown(node.reason, station)
        return Ref(self._collection(node), station)

    def _collection(self, node: nodes.Sequence | nodes.Mapping) -> Sequence | Mapping:
        if isinstance(node, nodes.Sequence):
            return Sequence(tuple(self.value(child) for child in node.items))
        target = Mapping()
        for key, entry in node.entries.items():
            target.slots.data[self._key(key)] = self.value(entry.value)
        return target

    def _key(self, text: str) -> Hashable:
        """A number is a key of another type than its text, but in JSON."""
        number = text if self.as_json else resolve(text)
        return number if type(number) is int else text


_TOML_TABLE = re.compile(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]\]?")
_TOML_PAIR = re.compile(r"(\s*([\w.\"'-]+)\s*=\s*)(\S.*?)\s*(?:#.*)?$")


def _toml(data: bytes, shown: str, call: Call) -> Value:
    loaded = parse_toml(data)
    if loaded is None:
        return unknown(call.frame, call.node, f"{shown} cannot be parsed")
    spans = _toml_spans(data.decode("utf-8-sig"))
    return _toml_table(loaded, (), ConfigFile(shown), spans)


def _toml_spans(text: str) -> dict[tuple[str, ...], tuple[int, int, int, int]]:
    """Where the value of each key stands, for keys that are alone on their line."""
    table: tuple[str, ...] = ()
    spans: dict[tuple[str, ...], tuple[int, int, int, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _TOML_TABLE.match(line)
        pair = _TOML_PAIR.match(line)
        if header is not None and pair is None:
            table = _toml_key(header.group(1))
        elif pair is not None:
            start = len(pair.group(1)) + 1
            key = (*table, *_toml_key(pair.group(2)))
            spans.setdefault(key, (number, start, number, start + len(pair.group(3))))
    return spans


def _toml_key(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"' ") for part in text.split("."))


def _toml_table(
    table: dict[str, Any],
    path: tuple[str, ...],
    file: ConfigFile,
    spans: dict[tuple[str, ...], tuple[int, int, int, int]],
) -> Value:
    target = Mapping()
    for name, entry in table.items():
        inner = (*path, name)
        if isinstance(entry, dict):
            target.slots.data[name] = _toml_table(entry, inner, file, spans)
        else:
            station = Trace("input", file, spans.get(inner, (1, 1, 1, 1)))
            target.slots.data[name] = from_python(entry, station)
    return Ref(target, Trace("input", file, spans.get(path, (1, 1, 1, 1))))


@function("builtins.open", "io.open", "codecs.open")
def open_file(machine: Machine, call: Call) -> Value:
    """``open(path)``: the file is read when a parser is given it."""
    made = Instance("file", "io.TextIOWrapper")
    path = call.arguments.get("file", 0)
    if path is not None:
        made.slots.data["path"] = path
    return Ref(made, trace(call.frame, call.node, "literal"))


@method("file", "read", "readlines", "__enter__")
def file_contents(machine: Machine, receiver: Ref, file: Instance, call: Call) -> Value | None:
    """A file's text stays a file until it is parsed."""
    return receiver if call.name != "readlines" else None


def source_of(machine: Machine, call: Call) -> Value | None:
    """The path of what a parser is given: an open file or its text."""
    given = call.arguments.positional[0] if call.arguments.positional else None
    if given is None:
        given = next(iter(call.arguments.keywords.values()), None)
    if (
        isinstance(given, Ref)
        and isinstance(given.target, Instance)
        and given.target.role == "file"
    ):
        return given.target.slots.data.get("path")
    return None


@function("yaml.safe_load", "yaml.load", "yaml.full_load", "json.load", "json.loads", "toml.load",
          "toml.loads", "tomllib.load", "tomli.load", "tomllib.loads", "tomli.loads",
          "json5.load", "json5.loads", "hjson.load", "yaml.unsafe_load", "orjson.loads",
          "ujson.load")  # fmt: skip
def load_file(machine: Machine, call: Call) -> Value:
    """``yaml.safe_load(open(path))`` and its relatives."""
    path = source_of(machine, call)
    if path is not None:
        return load_path(machine, path, call)
    given = call.arguments.positional[0] if call.arguments.positional else None
    if given is not None:
        text = known_text(given)
        if text is not None and call.name.endswith("loads"):
            shown = "the text.toml" if call.name.startswith("toml") else call.frame.file.path
            return parse_configuration(text.encode(), shown, call, typed=True)
        if text is not None and call.name.startswith("toml"):
            return load_path(machine, given, call)
    return unknown(call.frame, call.node, f"the result of {call.name}()", given or Const(None))


@function("ruamel.yaml.YAML")
def ruamel(machine: Machine, call: Call) -> Value:
    """``YAML().load(file)``."""
    return Ref(Instance("yaml_parser", "ruamel.yaml.YAML"), trace(call.frame, call.node, "literal"))


@method("yaml_parser", "load")
def ruamel_load(machine: Machine, receiver: Ref, parser: Instance, call: Call) -> Value:
    """``YAML().load(file)`` reads numbers as YAML 1.2 has them."""
    path = source_of(machine, call) or (call.arguments.positional or [Const(None)])[0]
    return load_path(machine, path, call, typed=True)


@function("dotenv.load_dotenv", "dotenv.main.load_dotenv", "dotenv.dotenv_values")
def load_dotenv(machine: Machine, call: Call) -> Value:
    """``load_dotenv()``: the variables of the ``.env`` file beside the script or above it."""
    given = call.arguments.get("dotenv_path", 0)
    path = machine.project.resolve(path_text(given) or ".env")
    data = machine.project.read_bytes(path, MAX_BYTES) if path is not None else None
    variables = _variables(data, machine.project.display(path)) if path and data else {}
    if call.name.endswith("dotenv_values"):
        target = Mapping()
        target.slots.data.update(variables)
        return Ref(target, trace(call.frame, call.node, "literal"))
    override = call.arguments.get("override", 3)
    overrides = isinstance(override, Const) and bool(override.value)
    for name, value in variables.items():
        if overrides or name not in machine.environment:
            machine.environment[name] = value
    return Const(bool(variables), trace(call.frame, call.node, "compute"))


_VARIABLE = re.compile(r"(\s*(?:export\s+)?(\w+)\s*=\s*)(.*)$")


def _variables(data: bytes, shown: str) -> dict[str, Value]:
    """The ``NAME=value`` lines of a ``.env`` file."""
    found: dict[str, Value] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        match = _VARIABLE.match(line)
        if match is None:
            continue
        text = match.group(3).strip()
        if text[:1] in ("'", '"'):
            text = text[1:].partition(text[0])[0]
        else:
            text = re.split(r"\s#", text)[0].strip()
        start = len(match.group(1)) + 1
        span = (number, start, number, start + len(match.group(3)))
        found[match.group(2)] = Const(text, Trace("input", ConfigFile(shown), span))
    return found
