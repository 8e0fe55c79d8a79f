"""Hand-made commands, and projects on disk in which they start something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from qlint.readers.commands import Argument, Command
from qlint.readers.launchers.launch import Launch
from qlint.readers.launchers.understanding import understand
from qlint.readers.request import Request
from qlint.recipe import Origin, Source

_ASSIGNMENT = re.compile(r"([A-Z_]+)=(\S*)\s+")


def command(line: str, folder: str = "/project", **more: object) -> Command:
    """The command of a plain line; a word that holds ``$`` is not known."""
    environment: dict[str, Argument] = {}
    position = 0
    while found := _ASSIGNMENT.match(line, position):
        environment[found[1]] = _word(found[2], found.start(2))
        position = found.end()
    words = [_word(one.group(), one.start()) for one in re.finditer(r"\S+", line[position:])]
    source = Source("run.sh", 3, 1)
    return Command(tuple(words), source, folder, environment, **more)  # type: ignore[arg-type]


def _word(text: str, column: int) -> Argument:
    place = Origin("run.sh", 3, column + 1, via="written in the command")
    return Argument(text, (place,), f"{text} is not set here" if "$" in text else None)


def launch(line: str) -> Launch:
    """What a line starts; fails where that is nothing."""
    found = understand(command(line))
    assert found is not None, line
    return found


def summary(line: str) -> tuple[str, str, tuple[str, ...]] | None:
    """What a line starts: its sort, its name, its arguments."""
    found = understand(command(line))
    if found is None:
        return None
    return found.starts, found.program.text, tuple(word.text for word in found.arguments)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put files into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def request(folder: Path, shown: str = "run.sh") -> Request:
    """A request for the launcher of the project in a folder."""
    return Request(root=str(folder), display_path=shown)
