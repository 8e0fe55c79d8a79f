"""What one call of qlint was asked to do."""

from __future__ import annotations

import os

from qlint.records import Record
from qlint.settings.in_force import Settings

EVIDENCE_FILE = ".qlint/evidence.json"
"""Where a project keeps what ``qlint probe`` measured, below its root or a folder in it."""


class Session(Record):
    """The inputs, the settings in force, and what the command line says about neither."""

    paths: tuple[str, ...]
    settings: Settings
    script_arguments: tuple[str, ...] = ()
    stdin_filename: str | None = None
    force_exclude: bool = False
    jobs: int | None = None
    isolated: bool = False
    """Neither settings files, nor the active environment, nor an evidence file are looked for."""
    evidence: str | None = None
    """The file of measurements that ``--evidence`` names."""


def common_folder(paths: tuple[str, ...]) -> str:
    """Return the folder that all inputs stand below; settings are looked up from there."""
    folders = [
        os.path.abspath("." if path == "-" else path if os.path.isdir(path) else _parent(path))
        for path in paths
    ]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # two drives have nothing in common
        return os.getcwd()


def evidence_near(folder: str) -> str | None:
    """The measurements for the inputs in ``folder``: the nearest up to the project's root."""
    current, root = os.path.abspath(folder), project_root(folder)
    while True:
        path = os.path.join(current, EVIDENCE_FILE)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(current)
        if current in (root, parent):
            return None
        current = parent


def project_root(folder: str) -> str:
    """Return the root of the repository around ``folder``, else of its package.

    Where neither is marked it is the working directory, if that is around ``folder``, else the
    folder that a checkout's usual layout leads to.
    """
    for markers in ((".git",), ("qlint.toml", "pyproject.toml")):
        current = os.path.abspath(folder)
        while True:
            if any(os.path.lexists(os.path.join(current, marker)) for marker in markers):
                return current
            parent = os.path.dirname(current)
            if parent == current:
                break
            current = parent
    return _unmarked_root(os.path.abspath(folder))


_CODE_FOLDERS = frozenset({"src", "scripts", "script", "train", "training", "examples", "code"})


def _unmarked_root(folder: str) -> str:
    here = os.getcwd()
    if folder.startswith(here.rstrip(os.sep) + os.sep) and not _holds_everything(here):
        return here
    current = folder
    while os.path.isfile(os.path.join(current, "__init__.py")) or (
        os.path.basename(current).lower() in _CODE_FOLDERS
    ):
        parent = os.path.dirname(current)
        if _holds_everything(parent):
            break
        current = parent
    return current


def _holds_everything(folder: str) -> bool:
    """True for the root of the disk and for home directories: no project is that large."""
    return folder in (os.path.dirname(folder), os.path.expanduser("~"))


def _parent(path: str) -> str:
    return os.path.dirname(path) or "."
