"""Cells that start with ``%%``: which run their body as Python, and what the others do with it."""

from __future__ import annotations

import re

from qlint.readers.notebook.cells import Cell
from qlint.readers.notebook.commands import Action, Command, Commands
from qlint.readers.notebook.line_magics import words

_FIRST = re.compile(r"%%(?P<name>[\w!.]+)[ \t]*(?P<rest>.*)")

_RUN_AS_PYTHON = frozenset(
    {
        "capture", "time", "timeit", "prun", "memit", "mprun", "wandb", "snakeviz", "pyinstrument",
        "scalene", "heat", "notify", "debug", "autoawait", "chime", "script_magic", "local", "px",
        "track", "monitor", "tensorboard_capture", "ai_log", "unsloth",
    }
)  # fmt: skip
_SHELLS = frozenset({"bash", "sh", "shell", "system", "sx", "!", "cmd", "zsh"})
_WRITERS = frozenset({"writefile", "file", "writetemplate"})
_SCRIPT = re.compile(r"(?:--[\w-]+[ \t]+)*(?:/\S*/)?(?P<shell>bash|sh|zsh)\b")


class CellMagic:
    """The magic of a cell: the line it stands on (from 0) and what follows its name."""

    def __init__(self, line: int, name: str, rest: str) -> None:
        self.line = line
        self.name = name
        self.rest = rest

    @property
    def runs_python(self) -> bool:
        """Whether the body of the cell runs in the notebook's own process."""
        return self.name in _RUN_AS_PYTHON


def find_cell_magic(lines: tuple[str, ...]) -> CellMagic | None:
    """The cell magic; only blank lines and comments (Colab's forms) may stand before it."""
    for number, line in enumerate(lines):
        found = _FIRST.match(line)
        if found is not None:
            return CellMagic(number, found["name"], found["rest"].strip())
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None


def mask_other(cell: Cell, magic: CellMagic, commands: Commands) -> list[str]:
    """The Python that stands for a cell whose body is not Python: its effects, line by line."""
    masked = [""] * len(cell.lines)
    body = cell.lines[magic.line + 1 :]
    script = _SCRIPT.match(magic.rest) if magic.name == "script" else None
    if magic.name in _WRITERS:
        append, name = _written(magic.rest)
        action = Action.APPEND if append else Action.WRITE
        command = Command(action, name, cell, magic.line + 1, 1, body)
        masked[magic.line] = commands.add(command)
    elif magic.name in _SHELLS or script is not None:
        text = "\n".join(body)
        masked[magic.line] = commands.add(
            Command(Action.SHELL, text, cell, magic.line + 2, expands=False)
        )
    return masked


def _written(rest: str) -> tuple[bool, str]:
    given = words(rest)
    names = [word for word in given if not word.startswith("-")]
    return ("-a" in given or "--append" in given), names[0] if names else ""
