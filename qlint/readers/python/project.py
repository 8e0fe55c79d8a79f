"""The files around a script: modules of the same project, and configuration it reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping

import libcst as cst

from qlint.knowledge import libraries
from qlint.readers.gate import check_nesting, check_syntax, check_text
from qlint.readers.places import WrittenFile
from qlint.readers.project_files import ProjectFiles
from qlint.readers.python.libraries.optional import load_for
from qlint.readers.python.source import SourceFile
from qlint.recipe import Problem

MAX_MODULES = 60
_KEPT = 3_000_000
"""Bytes of source text that are kept parsed. A tree takes 60 times as much memory, and as much
again once the positions in it are asked for."""
MAX_MODULE_BYTES = 1_000_000

_SOURCES = frozenset({"transformers", "peft", "trl", "accelerate", "torch", "bitsandbytes"})
_LIBRARY_ROOTS = frozenset(
    {
        "transformers", "peft", "trl", "torch", "bitsandbytes", "accelerate", "datasets", "unsloth",
        "deepspeed", "numpy", "pandas", "tqdm", "wandb", "lightning", "pytorch_lightning", "yaml",
        "omegaconf", "hydra", "fire", "click", "typer", "huggingface_hub", "tokenizers", "evaluate",
    }
)  # fmt: skip


class LocalModule:
    """A module of the project: its dotted name and the file it stands in."""

    __slots__ = ("name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path


class _Parsed:
    """The files parsed last, the latest at the end: scripts of one project share its modules."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, bytes], SourceFile | Problem] = {}
        self._size = 0

    def get(self, path: str, data: bytes) -> SourceFile | Problem:
        """A file, parsed now or earlier."""
        key = path, data
        found = self._files.pop(key, None)
        if found is None:
            found = _parse(path, data)
            self._size += len(data)
        self._files[key] = found
        while self._size > _KEPT and len(self._files) > 1:
            oldest = next(iter(self._files))
            del self._files[oldest]
            self._size -= len(oldest[1])
        return found


_parsed = _Parsed()


def parse_source(path: str, data: bytes) -> SourceFile | Problem:
    """Parse one file behind the gate that keeps hostile input away from the parser.

    The last files are kept: a launcher starts one script again and again, and many scripts import
    the same modules.
    """
    return _parsed.get(path, data)


def _parse(path: str, data: bytes) -> SourceFile | Problem:
    text = check_text(data, path)
    if isinstance(text, Problem):
        return text
    too_deep = check_nesting(text, path)
    if too_deep is not None:
        return too_deep
    error = check_syntax(text, path)
    if error is not None:
        return error
    try:
        load_for(text)
        return SourceFile(path, text, cst.parse_module(text))
    except cst.ParserSyntaxError as problem:
        return Problem(path, f"cannot be parsed: {problem.message}", problem.editor_line)
    except RecursionError:
        return Problem(path, "is nested too deeply to be parsed")


class Project(ProjectFiles):
    """Finds and parses what a script refers to on disk, within the project's root."""

    def __init__(
        self,
        script: str,
        root: str,
        display: Callable[[str], str] = lambda path: path,
        cache: dict[str, SourceFile | None] | None = None,
        written: Mapping[str, WrittenFile] | None = None,
        started_in: str | None = None,
    ) -> None:
        super().__init__(script, root, display, written, started_in)
        self.script = script
        self._parsed: dict[str, SourceFile | None] = {} if cache is None else cache

    @property
    def parsed(self) -> dict[str, SourceFile | None]:
        """Files parsed so far; shared by all evaluations of one script."""
        return self._parsed

    def search_folder(self, folder: str) -> str | None:
        """Where modules are looked for after ``sys.path.append(folder)``; None where not here."""
        path = os.path.normpath(os.path.join(self.folder, folder))
        return path if self.inside(path) else None

    def library_has(self, root: str, name: str) -> bool:
        """Whether a known library has this name, for ``from library import *``."""
        if root in libraries.libraries() and libraries.find_callable(root, name):
            return True
        starts = {"unsloth": "Fast", "transformers": "Auto", "peft": "Peft", "torch": "nn"}
        return root in starts and name.startswith(starts[root])

    def _in_library(self, folder: str) -> bool:
        """Whether a folder is part of a known library's own sources: its neighbours are library."""
        inner = os.path.relpath(folder, self.root).split(os.sep)
        return not _SOURCES.isdisjoint(inner)

    def find_module(
        self, name: str, level: int, from_path: str, searched: Iterable[str] = ()
    ) -> LocalModule | None:
        """The file of a module of this project; None where the name belongs to a library.

        ``searched`` are folders that the program has added to ``sys.path``.
        """
        top = name.split(".", 1)[0]
        if level == 0 and (not name or top in _LIBRARY_ROOTS or top in sys.stdlib_module_names):
            return None
        origin = os.path.dirname(os.path.abspath(self._real(from_path)))
        bases: list[str]
        if level:
            if self._in_library(origin):
                return None
            base = origin
            for _ in range(level - 1):
                base = os.path.dirname(base)
            bases = [base]
        else:
            folders = [self.folder, *self.above()]
            sources = [os.path.join(folder, "src") for folder in folders]
            bases = [*folders, *searched, *sources]
        relative = name.replace(".", os.sep) if name else ""
        for base in bases:
            stem = os.path.join(base, relative) if relative else base
            for path in (stem + ".py", os.path.join(stem, "__init__.py")):
                if self.inside(path) and self.is_file(path):
                    return LocalModule(name or os.path.basename(base), path)
        return None

    def _real(self, path: str) -> str:
        for real, file in self._parsed.items():
            if file is not None and file.path == path:
                return real
        return self.script

    def parse(self, module: LocalModule) -> SourceFile | None:
        """The parsed file of a module; None where it cannot be read or there are too many."""
        if module.path in self._parsed:
            return self._parsed[module.path]
        if len(self._parsed) >= MAX_MODULES:
            return None
        data = self.read_bytes(module.path, MAX_MODULE_BYTES)
        parsed = parse_source(self.display(module.path), data) if data is not None else None
        file = parsed if isinstance(parsed, SourceFile) else None
        self._parsed[module.path] = file
        return file
