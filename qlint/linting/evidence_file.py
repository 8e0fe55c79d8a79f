"""The file of measurements that ``qlint probe --save-evidence`` writes and ``qlint check`` reads.

Each measurement says what it was made of: the values of the recipe, the model, the versions of
the libraries that ran, and the card. Paths are relative to the project that the file belongs to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qlint.errors import UsageError
from qlint.recipe import NEWEST_KNOWN, Json, Recipe

FORMAT = 1
_LARGEST_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of one run."""

    source: str
    """The file of the run, relative to the project."""
    values: Mapping[str, Json]
    """Every recipe field with a known value."""
    model: str | None
    """A digest of the model's configuration; None where it was not at hand."""
    versions: Mapping[str, str]
    """Of the libraries that ran."""
    card: str | None
    """The name of the card; None where it was measured on the processor."""
    card_bytes: int | None
    verdicts: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """All measurements of a project; ``folder`` is the project's."""

    folder: str
    measurements: tuple[Measured, ...]


def read(path: str) -> EvidenceFile:
    """Read the file.

    Raises:
        UsageError: It cannot be read, or is no file of measurements.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read evidence file {path}: {error.strerror}.") from None
    if len(data) > _LARGEST_BYTES:
        raise UsageError(f"{path} is too large for an evidence file.")
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise ValueError("format")
        found = tuple(_measured(entry) for entry in document["measurements"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(
            f"{path} is not an evidence file of this version; write it anew with "
            "qlint probe --save-evidence."
        ) from None
    return EvidenceFile(project_of(path), found)


def write(path: str, measured: Measured) -> None:
    """Put a measurement into the file in the place of earlier ones of the same run.

    Raises:
        UsageError: It cannot be written, or holds something else.
    """
    earlier = read(path).measurements if os.path.exists(path) else ()
    kept = [one for one in earlier if not _same_run(one, measured)]
    document = {"format": FORMAT, "measurements": [_value(one) for one in (*kept, measured)]}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    temporary = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}.") from None


def relative_to(path: str, folder: str) -> str:
    """The path of a run as the file of the project in ``folder`` knows it."""
    return os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/")


def known_values(recipe: Recipe) -> dict[str, Json]:
    """What identifies a recipe: the value of each field that has one."""
    values = {name: field.value for name, field in recipe.fields.items() if field.known}
    # As a file gives them back: tuples are lists there, and keys are text.
    found: dict[str, Json] = json.loads(json.dumps(values, default=str))
    return found


def known_versions(recipe: Recipe) -> dict[str, str]:
    """The versions that the recipe was read for, without those that were merely assumed."""
    return {
        library: version["version"]
        for library, version in recipe.versions.items()
        if version["source"] != NEWEST_KNOWN
    }


def model_digest(recipe: Recipe) -> str | None:
    """A digest of the configuration of the recipe's model, where it lies on this machine."""
    name = recipe["model_name"]
    if not name.known or not isinstance(name.value, str):
        return None
    # Imported here: most projects have no measurements to compare with.
    from hashlib import sha256

    from qlint.knowledge.local_models import local_configuration

    path = local_configuration(name.value)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return sha256(file.read(_LARGEST_BYTES)).hexdigest()
    except OSError:
        return None


def project_of(path: str) -> str:
    """The folder that paths in an evidence file at ``path`` are relative to."""
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.dirname(folder) if os.path.basename(folder) == ".qlint" else folder


def _same_run(one: Measured, other: Measured) -> bool:
    return one.source == other.source and dict(one.values) == dict(other.values)


def _measured(entry: Any) -> Measured:
    verdicts = [
        {key: str(verdict[key]) for key in ("code", "verdict", "why")}
        for verdict in entry["verdicts"]
    ]
    return Measured(
        source=str(entry["source"]),
        values=dict(entry["recipe"]),
        model=None if entry["model"] is None else str(entry["model"]),
        versions={str(name): str(version) for name, version in entry["versions"].items()},
        card=None if entry["gpu"] is None else str(entry["gpu"]["name"]),
        card_bytes=None if entry["gpu"] is None else int(entry["gpu"]["total_bytes"]),
        verdicts=verdicts,
    )


def _value(one: Measured) -> dict[str, Any]:
    return {
        "source": one.source,
        "recipe": dict(one.values),
        "model": one.model,
        "versions": dict(one.versions),
        "gpu": None if one.card is None else {"name": one.card, "total_bytes": one.card_bytes},
        "verdicts": [dict(verdict) for verdict in one.verdicts],
    }
