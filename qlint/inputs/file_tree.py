"""The files below a folder that neither git nor the settings ignore."""

from __future__ import annotations

import os
from collections.abc import Iterator

from qlint.inputs.exclusion import Exclusion


def files_below(folder: str, exclusion: Exclusion) -> Iterator[str]:
    """Yield them as git lists them; where git cannot say, walk and read ``.gitignore`` files."""
    from qlint.inputs import git

    listed = git.files(folder)
    if listed is None:
        yield from _walk(folder, exclusion)
        return
    for name in listed:
        path = os.path.normpath(os.path.join(folder, name))
        if exclusion.match(path, folder) or not os.path.lexists(path):
            continue
        if not os.path.isdir(path):
            yield path
        elif not os.path.islink(path):
            # A repository within the repository: git names it and does not enter it.
            yield from files_below(path, exclusion)


def _walk(folder: str, exclusion: Exclusion) -> Iterator[str]:
    """Walk without entering linked folders, so that no loop of links can be."""
    ignored = _IgnoreFiles()
    for parent, folders, names in os.walk(folder):
        parent = os.path.normpath(parent)
        if ".gitignore" in names:
            ignored.read(parent)

        def keep(name: str, kind: str, parent: str = parent) -> bool:
            path = os.path.normpath(os.path.join(parent, name))
            return not (exclusion.match(path, folder) or ignored.match(path + kind))

        folders[:] = [name for name in folders if keep(name, "/")]
        yield from (
            os.path.normpath(os.path.join(parent, name)) for name in names if keep(name, "")
        )


class _IgnoreFiles:
    """The ``.gitignore`` files met on a walk, each with the folder it rules over."""

    def __init__(self) -> None:
        from pathspec import GitIgnoreSpec

        self._new_spec = GitIgnoreSpec.from_lines
        self._specs: dict[str, GitIgnoreSpec] = {}

    def read(self, folder: str) -> None:
        path = os.path.join(folder, ".gitignore")
        if not os.path.isfile(path):
            return
        with open(path, encoding="utf-8", errors="replace") as file:
            self._specs[folder] = self._new_spec(file)

    def match(self, path: str) -> bool:
        """Ask the nearest ``.gitignore`` first: it overrules those above it."""
        folder = os.path.dirname(path.rstrip("/")) or "."
        while True:
            spec = self._specs.get(folder)
            if spec is not None:
                below = path if folder == "." else path[len(folder) :].lstrip("/")
                verdict = spec.check_file(below).include
                if verdict is not None:
                    return verdict
            parent = os.path.dirname(folder) or "."
            if parent == folder or folder == ".":
                return False
            folder = parent
