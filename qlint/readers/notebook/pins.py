"""Library versions that a notebook installs for itself: ``!pip install peft==0.11.1``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qlint.knowledge import libraries
from qlint.readers.notebook.commands import Action, Command
from qlint.readers.notebook.line_magics import words

_INSTALL = re.compile(r"\b(?:pip3?|uv|conda|mamba)\b.{0,80}?\binstall\b")
_PINNED = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?:\[[\w, -]*\])?={2,3}(?P<version>\d+(?:\.\d+)*)")
_TAGGED = re.compile(
    r"(?:[\w.-]+[ ]*@[ ]*)?git\+https?://\S+/(?P<name>[\w.-]+?)(?:\.git)?@v?(?P<version>\d+(?:\.\d+)+)$"
)
_CONDA = re.compile(r"(?P<name>[A-Za-z][\w.-]*)=(?P<version>\d+(?:\.\d+)*)$")


def pinned_versions(commands: Sequence[Command]) -> dict[str, tuple[str, str]]:
    """``{library: (version, where it was read)}``; the last installation of a library counts."""
    known = libraries.libraries()
    found: dict[str, tuple[str, str]] = {}
    lines = [
        (command, line, text)
        for command in commands
        if command.action is Action.SHELL
        for line, text in _lines(command)
    ]
    for command, line, text in lines:
        if not _INSTALL.search(text):
            continue
        conda = "conda" in text or "mamba" in text
        for word in words(text):
            pin = _PINNED.match(word) or _TAGGED.match(word) or (conda and _CONDA.match(word))
            if not pin:
                continue
            name = pin["name"].lower().replace("_", "-")
            name = name if name in known else name.replace("-", "_")
            if name in known:
                where = f"installed in cell {command.cell.number}, line {line}"
                found[name] = (pin["version"], where)
    return found


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
