"""Finds on disk, or among the files written before, what a launch names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from qlint.readers.commands import Argument, Command
from qlint.readers.python.project import Project

_UNFILLED = frozenset("$`{}()")
"""Signs that a part of a path is filled in when the command runs: ``$HOME``, ``{folder}``."""
_CONFIGURATION = (".yaml", ".yml", ".json", ".toml")


class Found(NamedTuple):
    """A file, and what was presumed to find it."""

    path: str
    presumed: str | None = None


class Files:
    """The files that one command can name."""

    def __init__(self, command: Command, project: Project, folder: str | None = None) -> None:
        self.project = project
        self.written = command.written
        self._own = os.path.normpath(os.path.join(command.folder, folder or ""))
        self._bases = list(dict.fromkeys((self._own, *self._around(project.folder))))

    def _around(self, folder: str) -> Iterable[str]:
        """The launcher's own folder and those above it, up to the root."""
        yield folder
        while folder != self.project.root and self.project.inside(os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            yield folder

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
            path = os.path.normpath(os.path.join(base, text))
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

    def configuration(self, arguments: Iterable[Argument], further: tuple[str, ...]) -> list[Found]:
        """The configurations that are named among the arguments, in their order."""
        found = []
        for argument in arguments:
            text = argument.text
            if text.startswith("-"):
                text = text.partition("=")[2]
            if text.lower().endswith((*_CONFIGURATION, *further)):
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
        if path in self.written:
            return True
        return self.project.inside(path) and os.path.isfile(path)

    def read(self, path: str, limit: int) -> bytes | None:
        """What a file holds; None where it is too large or no file."""
        if path in self.written:
            data = self.written[path].data
            return data if len(data) <= limit else None
        return self.project.read_bytes(path, limit)


def _known_tail(text: str) -> str:
    """The last parts of a path, behind the last folder that is not known."""
    *folders, name = text[:4096].split("/")
    for position in range(len(folders) - 1, -1, -1):
        if not _UNFILLED.isdisjoint(folders[position]):
            return "/".join((*folders[position + 1 :], name))
    return text
