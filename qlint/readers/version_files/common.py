"""What the readers of the files have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qlint.readers.versions import LIBRARIES, Pin

NAME = r"([A-Za-z0-9][A-Za-z0-9._-]*)"
"""The name of a package."""


def pin(name: str, specifier: str, path: str, line: int, locked: bool = False) -> Iterator[Pin]:
    """What a line says about a package, if it is a library whose version matters."""
    library = library_of(name)
    if library is not None and specifier:
        yield Pin(library, specifier, path, line, locked)


def library_of(name: str) -> str | None:
    """The library of this name, if it is one whose version matters."""
    normal = name.lower().replace("_", "-")
    return normal if normal in LIBRARIES else None


def lines_of(data: bytes) -> list[str]:
    """The text of a file as lines, whatever its bytes."""
    return data.decode("utf-8-sig", "replace").splitlines()


def line_of(lines: list[str], *needles: str, start: int = 0) -> int:
    """The first line, from 1, that holds all needles; 1 where none does."""
    for number in range(start, len(lines)):
        lowered = lines[number].lower()
        if all(needle.lower() in lowered for needle in needles):
            return number + 1
    return 1


def toml_table(data: bytes) -> dict[str, Any]:
    """A file of TOML; empty where it is broken."""
    from qlint.readers.toml_text import parse_toml

    return parse_toml(data) or {}


def table_at(table: object, name: str) -> dict[str, Any]:
    """A table within a table; empty where there is none."""
    found = table.get(name) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}
