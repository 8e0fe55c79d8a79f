"""Reads a configuration file: its documents, the framework each belongs to, a recipe for each."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TypeAlias

from qlint.knowledge.frameworks import framework
from qlint.readers.commands import Argument
from qlint.readers.documents import Document, Refusal, load
from qlint.readers.documents.nodes import Mapping, Span
from qlint.readers.frameworks import registry
from qlint.readers.frameworks.runs import Start, run
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.readers.request import Request
from qlint.recipe import Companion, Kind, Note, Origin, Problem, Reading, Recipe, Source

Versions: TypeAlias = "dict[str, tuple[str, str]]"
"""Libraries with the version in force and where it was read."""

_KINDS: dict[str, Kind] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_TRAINS = (
    rb"learning_rate|lora_|load_in_[48]bit|base_model\b|model_name_or_path|finetuning_type"
    rb"|_component_|per_device_train|micro_batch_size|num_train_epochs|zero_optimization"
)
"""What a broken file must hold to be reported: templates and other people's YAML are many."""


def read_configuration(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs that a YAML, JSON or TOML file configures.

    Never raises for what stands in the file. A file that is no training configuration is an empty
    Reading; one that cannot be read is a Problem.
    """
    shown = request.display_path or path
    suffix = os.path.splitext(path)[1].lower()
    try:
        documents = load(data, suffix)
    except Refusal as refusal:
        if not refusal.hostile and not re.search(_TRAINS, data):
            return Reading(shown)
        problem = Problem(shown, refusal.message, refusal.line, refusal.column)
        return Reading(shown, problems=(problem,))
    used: dict[str, tuple[str, str]] | None = None
    recipes: list[Recipe] = []
    found: list[Companion] = []
    notes: list[Note] = []
    for document in documents:
        root = document.root
        if not isinstance(root, Mapping):
            continue
        name = registry.recognise(root)
        if name is None:
            from qlint.readers.frameworks import companions

            kind = companions.recognise(root)
            if kind is not None:
                sheet = Sheet(shown, root, framework("companions"))
                found.append(companions.read(sheet, kind))
                notes += [*sheet.notes, *_repeated(shown, "companions", document)]
            continue
        if not recipes and len(documents) > 1:
            notes.append(_several(shown, name, documents))
        # Any name in the folder: only what lies beside the file says which versions it runs with.
        beside = os.path.join(os.path.dirname(path), "requirements")
        used = request.versions_for(beside) if used is None else used
        try:
            recipe, own = run(_start(shown, suffix, name, root, request, used, len(recipes)), root)
        except NotTraining:
            continue
        recipes.append(recipe)
        notes += own
        notes += _repeated(shown, name, document)
    return Reading(shown, tuple(recipes), notes=tuple(notes), companions=tuple(found))


def recognised(path: str, data: bytes) -> str | None:
    """The framework that a configuration is for, whether it trains or not; None where unknown."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _KINDS:
        return None
    try:
        roots = [document.root for document in load(data, suffix)]
    except Refusal:
        return None
    names = (registry.recognise(root) for root in roots if isinstance(root, Mapping))
    return next((name for name in names if name is not None), None)


def _start(
    shown: str,
    suffix: str,
    name: str,
    root: Mapping,
    request: Request,
    used: Versions,
    before: int,
) -> Start:
    identifier = f"{shown}:1" if not before else f"{shown}:1#{before + 1}"
    line = 1 if not before else root.span.line
    return Start(
        name,
        shown,
        Source(shown, line),
        _KINDS[suffix],
        identifier,
        _without(request.arguments, os.path.basename(shown)),
        request.environment,
        used,
    )


def _without(arguments: Sequence[Argument], file: str) -> tuple[Argument, ...]:
    """The words that follow the configuration's own name, and those in front of it, without it."""
    return tuple(word for word in arguments if os.path.basename(word.text) != file)


def _several(path: str, name: str, documents: list[Document]) -> Note:
    span = documents[1].root.span
    message = f"{len(documents)} documents in one file; {name} loads files of one only"
    where = Origin(path, span.line, span.column)
    return Note("several-documents", "", message, where, framework=name)


def _repeated(path: str, name: str, document: Document) -> list[Note]:
    return [
        Note(
            "duplicate-key",
            one.key,
            f"{one.key!r} stands twice; the value in line {one.first.line} is lost",
            _key_at(path, one.second, one.key),
            other=_key_at(path, one.first, one.key),
            framework=name,
        )
        for one in document.repeated
    ]


def _key_at(path: str, span: Span, key: str) -> Origin:
    end = (span.end_line, span.end_column)
    return Origin(path, span.line, span.column, None, None, key, *end)
