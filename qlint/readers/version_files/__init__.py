"""The files in which a project says which versions of its dependencies it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import TypeAlias

from qlint.readers.version_files.dockerfile import dockerfile
from qlint.readers.version_files.environments import environment, setup_cfg, setup_py
from qlint.readers.version_files.locks import package_lock, pipfile_lock, pixi_lock
from qlint.readers.version_files.pyproject import pipfile, pixi, pyproject
from qlint.readers.version_files.requirements import requirements
from qlint.readers.versions import Pin

Reader: TypeAlias = Callable[[bytes, str], Iterator[Pin]]

_READERS: dict[str, Reader] = {
    "uv.lock": package_lock,
    "poetry.lock": package_lock,
    "pdm.lock": package_lock,
    "pylock.toml": package_lock,
    "pixi.lock": pixi_lock,
    "Pipfile.lock": pipfile_lock,
    "pyproject.toml": pyproject,
    "Pipfile": pipfile,
    "requirements*.txt": requirements,
    "requirements*.in": requirements,
    "*requirements.txt": requirements,
    "constraints*.txt": requirements,
    "environment*.yml": environment,
    "environment*.yaml": environment,
    "conda*.yml": environment,
    "setup.cfg": setup_cfg,
    "Dockerfile*": dockerfile,
    "*.Dockerfile": dockerfile,
    "*.dockerfile": dockerfile,
    "Containerfile*": dockerfile,
    "pixi.toml": pixi,
    "setup.py": setup_py,
}


def reader_for(name: str) -> Reader | None:
    """The reader of a file by its name; None for files that pin nothing."""
    for pattern, reader in _READERS.items():
        if fnmatch(name, pattern):
            return reader
    return None
