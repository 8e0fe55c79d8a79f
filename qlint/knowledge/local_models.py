"""Models on this machine: a ``config.json`` by its path, or in the local Hugging Face cache.

Nothing is fetched. The cache is where ``huggingface_hub`` keeps it
(``HF_HUB_CACHE``, ``HF_HOME``/hub, ``~/.cache/huggingface/hub``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from qlint.errors import UsageError
from qlint.knowledge.configurations import from_config
from qlint.knowledge.models import Model, find_model, known_names
from qlint.near_names import did_you_mean
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_LARGEST_FILE = 10_000_000
"""Bytes. Real configurations take some thousands."""


def model_named(name: str, environment: Mapping[str, str] | None = None) -> Model:
    """The model that ``--model`` means: a configuration on disk, a known name, or one in the cache.

    Raises:
        UsageError: No such file, a file that is no configuration, or a name nobody knows.
    """
    if name.endswith(".json") or name.startswith((".", "/", "~")) or os.path.isdir(name):
        return _from_path(os.path.expanduser(name), name)
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


def local_configuration(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The ``config.json`` of the model that a run calls ``name``, where this machine has it."""
    file = os.path.join(os.path.expanduser(name), "config.json")
    if os.path.isfile(file):
        return file
    return _cached_config(name, os.environ if environment is None else environment)


def _from_path(path: str, name: str) -> Model:
    # A directory of weights in the table is better known than by its configuration alone.
    file = os.path.join(path, "config.json") if os.path.isdir(path) else path
    if not os.path.isfile(file):
        known = find_model(name)
        if known is not None:
            return known
        raise UsageError(f"there is no configuration of a model at {name[:200]}")
    return from_config(_read(file), name)


def _read(path: str) -> Mapping[str, Any]:
    try:
        if os.path.getsize(path) > _LARGEST_FILE:
            raise UsageError(f"{path} is too large for a model's configuration")
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {_first_line(error)}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no model's configuration: it holds no JSON object")
    return content


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _cached_config(name: str, environment: Mapping[str, str]) -> str | None:
    """``hub/models--owner--name/snapshots/<commit>/config.json``: the newest snapshot."""
    if name.count("/") != 1 or ".." in name:
        return None
    kept_as = f"models--{name.replace('/', '--')}"
    folder = os.path.join(_cache_folder(environment), kept_as, "snapshots")
    try:
        found = [os.path.join(folder, commit, "config.json") for commit in os.listdir(folder)]
        return max(filter(os.path.isfile, found), key=os.path.getmtime, default=None)
    except (OSError, ValueError):  # ValueError: a name with a null byte
        return None


def _cache_folder(environment: Mapping[str, str]) -> str:
    if environment.get("HF_HUB_CACHE"):
        return environment["HF_HUB_CACHE"]
    home = environment.get("HF_HOME") or "~/.cache/huggingface"
    return os.path.join(os.path.expanduser(home), "hub")
