"""What is installed where qlint runs, read from the names of folders: nothing is imported.

An activated environment (``VIRTUAL_ENV``, ``CONDA_PREFIX``) is what the script would run in;
without one it is the interpreter that qlint itself runs in. A hook of pre-commit has an environment
of its own, in which none of the libraries is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping

from qlint.readers.versions import LIBRARIES

_INSTALLED = re.compile(r"([A-Za-z0-9][\w.]*)-(\d[\w.!+]*?)(?:-py\d[\d.]*)?\.(?:dist|egg)-info\Z")
_HOLDERS = ("site-packages", "dist-packages")


def active_versions(variables: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """``{library: (version, "the active environment, /path")}``; empty where none is installed."""
    known = os.environ if variables is None else variables
    prefix = known.get("VIRTUAL_ENV") or known.get("CONDA_PREFIX")
    folders = list(_folders_of(prefix) if prefix else _own_folders())
    found: dict[str, tuple[str, str]] = {}
    for folder in folders:
        for library, version in _installed_in(folder):
            found.setdefault(library, (version, f"the active environment, {prefix or sys.prefix}"))
    return found


def _folders_of(prefix: str) -> Iterator[str]:
    """Where an environment keeps its packages, on Unix and on Windows."""
    yield os.path.join(prefix, "Lib", "site-packages")
    for library in ("lib", "lib64"):
        try:
            names = sorted(os.listdir(os.path.join(prefix, library)), reverse=True)
        except OSError:
            continue
        for name in names:
            if name.startswith("python"):
                yield os.path.join(prefix, library, name, "site-packages")


def _own_folders() -> Iterator[str]:
    return (path for path in sys.path if os.path.basename(path) in _HOLDERS)


def _installed_in(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        match = _INSTALLED.match(name)
        library = match[1].lower().replace("_", "-") if match is not None else None
        if match is not None and library in LIBRARIES:
            yield library, match[2]
