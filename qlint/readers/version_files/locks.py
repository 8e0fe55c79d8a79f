"""Lock files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from qlint.readers.version_files.common import line_of, lines_of, pin, table_at
from qlint.readers.versions import LIBRARIES, Pin


def package_lock(data: bytes, path: str) -> Iterator[Pin]:
    """``uv.lock``, ``poetry.lock``, ``pdm.lock``: tables of ``[[package]]``.

    Read line by line: these files are long, and only a few of their tables are of interest.
    """
    name: str | None = None
    for number, line in enumerate(lines_of(data), 1):
        if line.startswith("["):
            name = None if not line.startswith("[[package]]") else ""
        elif name == "" and line.startswith("name"):
            name = line.partition("=")[2].strip().strip("\"'")
        elif name and line.startswith("version"):
            version = line.partition("=")[2].strip().strip("\"'")
            yield from pin(name, f"=={version}", path, number, True)
            name = None


def pixi_lock(data: bytes, path: str) -> Iterator[Pin]:
    """``pixi.lock``: names and versions on lines of their own, or in the address of a package."""
    name: str | None = None
    for number, line in enumerate(lines_of(data), 1):
        stripped = line.strip().removeprefix("- ")
        if stripped.startswith("name:"):
            name = stripped.partition(":")[2].strip()
        elif stripped.startswith("version:") and name:
            version = stripped.partition(":")[2].strip().strip("\"'")
            yield from pin(name, f"=={version}", path, number, True)
            name = None
        elif stripped.startswith(("pypi:", "conda:")):
            match = re.search(r"/([A-Za-z][\w-]*?)-(\d[\w.]*)-", stripped)
            if match is not None:
                yield from pin(match.group(1), f"=={match.group(2)}", path, number, True)
            name = None


def pipfile_lock(data: bytes, path: str) -> Iterator[Pin]:
    """``Pipfile.lock``."""
    try:
        loaded = json.loads(data)
    except (ValueError, RecursionError):
        return
    lines = lines_of(data)
    for section in ("default", "develop"):
        for name, entry in table_at(loaded, section).items():
            version = entry.get("version") if isinstance(entry, dict) else None
            if isinstance(version, str) and name.lower() in LIBRARIES:
                start = line_of(lines, f'"{name}"') - 1
                line = line_of(lines, '"version"', start=start)
                yield from pin(name, version, path, line, True)
