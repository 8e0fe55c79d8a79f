"""Find and read ``qlint.toml`` or the ``[tool.qlint]`` table of ``pyproject.toml``."""

from __future__ import annotations

import os
from collections.abc import Mapping

from qlint.errors import UsageError
from qlint.settings.in_force import Settings
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

FILE_NAMES = ("qlint.toml", "pyproject.toml")


def load_settings(start: str, *, config: str | None = None, isolated: bool = False) -> Settings:
    """Return the settings for an input at ``start``, before the command line has its say."""
    settings = Settings()
    settings.folder = _folder_of(start)
    if config is not None:
        if isolated:
            raise UsageError("--config and --isolated exclude each other.")
        _apply(settings, config, _table(config, _read(config)))
    elif not isolated:
        _apply_nearest(settings)
    return settings


def _apply_nearest(settings: Settings) -> None:
    folder = os.path.abspath(settings.folder)
    while True:
        for name in FILE_NAMES:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            data = _read(path)
            # The byte test saves importing a TOML parser for a pyproject.toml that is not ours.
            if name == "pyproject.toml" and b"qlint" not in data:
                continue
            table = _table(path, data)
            if table is not None:
                _apply(settings, path, table)
                return
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _apply(settings: Settings, path: str, table: Mapping[str, Any] | None) -> None:
    from qlint.settings.values import convert

    settings.folder = os.path.dirname(os.path.abspath(path))
    for name, value in (table or {}).items():
        settings.put(name, convert(name, value, _shown(path)), path)


def _table(path: str, data: bytes) -> Mapping[str, Any] | None:
    """Return qlint's table: None where a pyproject.toml has none."""
    import importlib
    import sys

    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document = toml.loads(data.decode())
    except ValueError as error:  # both a TOMLDecodeError and a UnicodeDecodeError are one
        raise UsageError(f"{_shown(path)} is not valid TOML: {error}.") from None
    tool = document.get("tool")
    table = tool.get("qlint") if isinstance(tool, dict) else None
    if table is None and os.path.basename(path) != "pyproject.toml":
        table = document
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{_shown(path)}: tool.qlint must be a table.")
    return table


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"cannot read settings file {_shown(path)}: {error.strerror}.") from None


def _folder_of(start: str) -> str:
    if start == "-":
        return "."
    return start if os.path.isdir(start) else os.path.dirname(start) or "."


def _shown(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
