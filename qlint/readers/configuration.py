"""Reads a configuration file: its documents, the framework each belongs to, a recipe for each."""

from __future__ import annotations

import os
import re
from typing import TypeAlias

from qlint.knowledge.frameworks import Framework, framework
from qlint.readers.documents import Document, Refusal, load
from qlint.readers.documents.nodes import Mapping, Span
from qlint.readers.frameworks import registry
from qlint.readers.frameworks.sheet import (
    NOT_DISTRIBUTED,
    ONE_PROCESS,
    NotTraining,
    Sheet,
    effective_batch,
)
from qlint.readers.request import Request
from qlint.recipe import (
    ABSENT,
    FIELD_NAMES,
    Companion,
    Field,
    Kind,
    Note,
    Origin,
    Problem,
    Reading,
    Recipe,
    Source,
    State,
)

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
            recipe, own = _recipe(shown, suffix, name, root, used, len(recipes))
        except NotTraining:
            continue
        recipes.append(recipe)
        notes += own
        notes += _repeated(shown, name, document)
    return Reading(shown, tuple(recipes), notes=tuple(notes), companions=tuple(found))


def _recipe(
    shown: str, suffix: str, name: str, root: Mapping, used: Versions, before: int
) -> tuple[Recipe, list[Note]]:
    knowledge = framework(name)
    in_force = {library: version for library, (version, _) in used.items()}
    sheet = Sheet(shown, root, knowledge, in_force)
    registry.reader(name).read(sheet)
    if not knowledge.open:
        sheet.note_unknown_keys()
    fields = _completed(sheet)
    identifier = f"{shown}:1" if not before else f"{shown}:1#{before + 1}"
    line = 1 if not before else root.span.line
    assumptions = ("no command-line overrides", "no environment variables", "one process")
    recipe = Recipe(
        identifier,
        Source(shown, line),
        _KINDS[suffix],
        knowledge.name,
        fields,
        assumptions=(*assumptions, *sheet.assumptions),
        versions=_versions(knowledge, used),
    )
    return recipe, sheet.notes


def _completed(sheet: Sheet) -> dict[str, Field]:
    """Every field in the contract's order, with those that follow from others."""
    found = sheet.fields
    origin = Origin(sheet.path, 1, 1, via=f"a configuration of {sheet.knowledge.package}")
    found.setdefault("framework", Field(State.SET, sheet.knowledge.name, (origin,)))
    found.setdefault("distributed", NOT_DISTRIBUTED)
    found.setdefault("world_size", ONE_PROCESS)
    if "effective_batch_size" not in found:
        found["effective_batch_size"] = effective_batch(found)
    return {name: found.get(name, ABSENT) for name in FIELD_NAMES}


def _versions(knowledge: Framework, used: Versions) -> dict[str, dict[str, str]]:
    newest = {"version": knowledge.version, "source": "the newest known to qlint"}
    versions = {knowledge.package: newest}
    for library, (version, source) in used.items():
        versions[library] = {"version": version, "source": source}
    return versions


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
