"""Keeps the user's files while their script runs: what it deletes, and what it ends with.

What a script writes itself before its first training step is written: it may read that again. From
the moment it is stopped nothing of it is, because it believes that it has trained.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import shutil
import sys
from typing import Any

from .patches import Patches
from .script import is_the_users

_CHANGES = (
    (os, ("mkdir", "remove", "unlink", "rmdir", "rename", "replace", "symlink", "link")),
    (shutil, ("rmtree", "move", "copy", "copy2", "copyfile", "copytree", "make_archive")),
)
_WRITING = frozenset("wax+")


def keep(patches: Patches) -> None:
    """A script deletes only folders that it made itself, and those that it leaves empty go."""
    made: list[str] = []
    spared: set[str] = set()
    """Folders that the script believes to be gone."""

    def mkdir(original: Any) -> Any:
        def make(path: Any, *arguments: Any, **named: Any) -> None:
            folder = os.path.abspath(os.fsdecode(path))
            if folder in spared:
                spared.remove(folder)
                return
            original(path, *arguments, **named)
            made.append(folder)

        return make

    def rmtree(original: Any) -> Any:
        def remove(path: Any, *arguments: Any, **named: Any) -> None:
            folder = os.path.abspath(os.fsdecode(path))
            own = any(f"{folder}{os.sep}".startswith(one + os.sep) for one in made)
            if own or not is_the_users(sys._getframe(1)):
                original(path, *arguments, **named)
            elif os.path.isdir(folder):
                spared.add(folder)

        return remove

    patches.wrap(os, "mkdir", mkdir)
    patches.wrap(shutil, "rmtree", rmtree)
    patches.later(_remove_empty, made)


def freeze(patches: Patches) -> None:
    """From now on no file is changed; what goes on in Python's temporary folders may end there."""
    inside: list[str] = []

    def make(original: Any) -> Any:
        def change(*arguments: Any, **named: Any) -> Any:
            temporary = sys._getframe(1).f_globals.get("__name__") == "tempfile"
            if not (inside or temporary):
                return None
            inside.append(original.__name__)
            try:
                return original(*arguments, **named)
            finally:
                inside.pop()

        return change

    def opener(original: Any) -> Any:
        def opened(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if _WRITING & set(mode) and not isinstance(file, int):
                file, mode = os.devnull, mode.replace("x", "w")
            return original(file, mode, *arguments, **named)

        return opened

    for owner, names in _CHANGES:
        for name in names:
            patches.wrap(owner, name, make)
    # pathlib opens files with the second of these, and makes folders with os.
    patches.wrap(builtins, "open", opener)
    patches.wrap(io, "open", opener)


def _remove_empty(folders: list[str]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):  # It is gone, or holds something.
            os.rmdir(folder)
