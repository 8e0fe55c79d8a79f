"""Finds on disk, or among the files written before, what a launch names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from qlint.readers.commands import Argument
from qlint.readers.input_kinds import CONFIGURATIONS
from qlint.readers.project_files import ProjectFiles, without_home

_UNFILLED = frozenset("$`{}()")
"""Signs that a part of a path is filled in when the command runs: ``$HOME``, ``{folder}``."""


class Found(NamedTuple):
    """A file, and what was presumed to find it."""

    path: str
    presumed: str | None = None


class Files:
    """The files that one command can name: in its folder, the launcher's, and those above it."""

    def __init__(self, project: ProjectFiles, folder: str) -> None:
        self.project = project
        self._bases = list(dict.fromkeys((folder, project.folder, *project.above())))

    def find(self, word: Argument) -> Found | None:
        """The file that a word names.

        A path that is absolute or begins in a folder that is not known is looked for under the
        project's root by its last parts: the project was elsewhere when that was written.
        """
        text = word.text
        known = _known_tail(text)
        if known != text:
            return self._by_tail(known, text)
        if word.unknown is not None:
            return None
        for base in self._bases:
            path = os.path.normpath(os.path.join(base, without_home(text)))
            if self._is_there(path):
                return Found(path)
        if os.path.isabs(text) or text.startswith(("..", "~")):
            return self._by_tail(text.lstrip("./~"), text)
        return None

    def find_module(self, name: str) -> Found | None:
        """The file of ``python -m name``."""
        if not re.fullmatch(r"[\w.]+", name):
            return None
        stem = name.replace(".", os.sep)
        for base in (*self._bases, *(os.path.join(base, "src") for base in self._bases)):
            for path in (stem + ".py", os.path.join(stem, "__main__.py")):
                whole = os.path.normpath(os.path.join(base, path))
                if self._is_there(whole):
                    return Found(whole)
        return None

    def configurations(
        self, arguments: Iterable[Argument], further: tuple[str, ...] = ()
    ) -> list[Found]:
        """The configurations that are named among the arguments, in their order."""
        found = []
        for argument in arguments:
            text = argument.text
            if text.startswith("-"):
                text = text.partition("=")[2]
            if text.lower().endswith((*CONFIGURATIONS, *further)):
                one = self.find(Argument(text, argument.origin, argument.unknown))
                if one is not None:
                    found.append(one)
        return found

    def _by_tail(self, tail: str, text: str) -> Found | None:
        parts = [part for part in tail.split("/") if part not in ("", ".", "..")][-8:]
        for start in range(len(parts)):
            for base in self._bases:
                path = os.path.join(base, *parts[start:])
                if self._is_there(path):
                    return Found(path, f"{text} is {self.project.display(path)}")
        return None

    def _is_there(self, path: str) -> bool:
        project = self.project
        return path in project.written or (project.inside(path) and os.path.isfile(path))


def _known_tail(text: str) -> str:
    """The last parts of a path, behind the last folder that is not known."""
    *folders, name = text[:4096].split("/")
    for position in range(len(folders) - 1, -1, -1):
        if not _UNFILLED.isdisjoint(folders[position]):
            return "/".join((*folders[position + 1 :], name))
    return text
