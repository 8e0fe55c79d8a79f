"""Models on this machine: a ``config.json`` by its path, or in the local Hugging Face cache.

Nothing is fetched. The cache is where ``huggingface_hub`` keeps it
(``HF_HUB_CACHE``, ``HF_HOME``/hub, ``~/.cache/huggingface/hub``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qlint.errors import UsageError
from qlint.knowledge.configurations import from_config
from qlint.knowledge.models import Model, find_model, known_names
from qlint.near_names import did_you_mean

_LARGEST_FILE = 10_000_000
"""Bytes. Real configurations take some thousands."""


def model_named(name: str, environment: Mapping[str, str] | None = None) -> Model:
    """The model that ``--model`` means: a configuration on disk, a known name, or one in the cache.

    Raises:
        UsageError: No such file, a file that is no configuration, or a name nobody knows.
    """
    path = Path(name)
    if path.suffix == ".json" or path.is_dir() or name.startswith((".", "/", "~")):
        return _from_path(path.expanduser(), name)
    known = find_model(name)
    if known is not None:
        return known
    cached = _cached_config(name, os.environ if environment is None else environment)
    if cached is not None:
        return from_config(_read(cached), name)
    near = did_you_mean(name.rsplit("/", 1)[-1], known_names())
    raise UsageError(
        f"the model {name[:100]!r} is not known{near}; give --model the path of its config.json"
    )


def local_configuration(name: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """The ``config.json`` of the model that a run calls ``name``, where this machine has it."""
    try:
        file = Path(name).expanduser() / "config.json"
        if file.is_file():
            return file
    except (OSError, ValueError, RuntimeError):  # No name that a file can have.
        return None
    return _cached_config(name, os.environ if environment is None else environment)


def _from_path(path: Path, name: str) -> Model:
    # A directory of weights in the table is better known than by its configuration alone.
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        known = find_model(name)
        if known is not None:
            return known
        raise UsageError(f"there is no configuration of a model at {name[:200]}")
    return from_config(_read(file), str(name))


def _read(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"{file} is too large for a model's configuration")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read as JSON: {_first_line(error)}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file} is no model's configuration: it holds no JSON object")
    return content


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _cached_config(name: str, environment: Mapping[str, str]) -> Path | None:
    """``hub/models--owner--name/snapshots/<commit>/config.json``: the newest snapshot."""
    if name.count("/") != 1 or ".." in name:
        return None
    folder = _cache_folder(environment) / f"models--{name.replace('/', '--')}" / "snapshots"
    try:
        found = [file for file in folder.glob("*/config.json") if file.is_file()]
        return max(found, key=lambda file: file.stat().st_mtime, default=None)
    except OSError:
        return None


def _cache_folder(environment: Mapping[str, str]) -> Path:
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"])
    home = environment.get("HF_HOME") or "~/.cache/huggingface"
    return Path(home).expanduser() / "hub"
