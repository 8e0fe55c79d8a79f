"""Library versions that a notebook installs for itself: ``!pip install peft==0.11.1``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from qlint.readers.notebook.commands import Action, Command
from qlint.readers.version_files.installing import installed
from qlint.readers.version_files.requirements import requirements
from qlint.readers.versions import Pin, admits, read_small, version_of


class Installations:
    """What the cells of a notebook install, in their order; the last of a library counts."""

    def __init__(self, folder: str, root: str) -> None:
        self.folder: str | None = folder
        """Where the notebook is; None once it has gone where nothing is known of."""
        self.root = os.path.abspath(root)
        self.written: dict[str, str] = {}
        """Files that cells write, by absolute path."""
        self.found: dict[str, tuple[str, str]] = {}

    def take(self, command: Command) -> None:
        """Follow one command."""
        if command.action is Action.FOLDER:
            self._go(command.text)
        elif command.action in (Action.WRITE, Action.APPEND) and self.folder is not None:
            place = os.path.join(os.path.abspath(self.folder), command.text.strip())
            before = self.written.get(place, "") if command.action is Action.APPEND else ""
            self.written[place] = before + "\n".join(command.body) + "\n"
        elif command.action is Action.SHELL:
            for line, text in _lines(command):
                self._install(text, line, f"cell {command.cell.number}, line {line}")

    def _install(self, text: str, line: int, where: str) -> None:
        for one in installed(text, "", line):
            if isinstance(one, str):
                for pin in self._file(one):
                    name = os.path.basename(pin.path)
                    self._put(pin, f"{name}:{pin.line}, installed in {where}")
            else:
                self._put(one, f"installed in {where}")

    def _put(self, pin: Pin, where: str) -> None:
        held = self.found.get(pin.library)
        if held is not None and admits(pin.specifier, held[0]):
            return  # pip leaves alone what fits.
        version = version_of(pin.library, pin.specifier)
        if version is not None:
            self.found[pin.library] = (version, where)

    def _go(self, text: str) -> None:
        folder = os.path.join(self.folder or "", text.strip().strip("\"'"))
        known = self.folder is not None and os.path.isdir(folder)
        self.folder = folder if known else None

    def _file(self, name: str) -> Iterator[Pin]:
        if self.folder is None or not name:
            return
        place = os.path.normpath(os.path.join(os.path.abspath(self.folder), name))
        if place in self.written:
            yield from requirements(self.written[place].encode("utf-8", "replace"), place)
        elif place.startswith(self.root.rstrip(os.sep) + os.sep):
            data = read_small(place)
            if data is not None:
                yield from requirements(data, place)


def _lines(command: Command) -> list[tuple[int, str]]:
    """Lines for the shell joined at their backslashes, each with the line where it starts."""
    found: list[tuple[int, str]] = []
    parts: list[str] = []
    start = command.line
    for number, line in enumerate(command.text.split("\n"), command.line):
        if not parts:
            start = number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            found.append((start, " ".join(parts)))
            parts = []
    return [*found, (start, " ".join(parts))] if parts else found


def pinned_versions(
    commands: Sequence[Command], folder: str, root: str
) -> dict[str, tuple[str, str]]:
    """``{library: (version, where it was read)}`` of the cells of a notebook in ``folder``."""
    installations = Installations(folder, root)
    for command in commands:
        installations.take(command)
    return installations.found
