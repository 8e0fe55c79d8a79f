"""What a notebook asks of the shell and of IPython, in the order in which it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from qlint.readers.notebook.cells import Cell


class Action(str, Enum):
    """What a command does, as far as it matters for a training run."""

    SHELL = "shell"
    """``!cmd``, the body of ``%%bash``, ``%pip``: text for the shell."""
    RUN = "run"
    """``%run script.py args``: the script runs in the notebook's own process."""
    WRITE = "write"
    """``%%writefile path``: the rest of the cell becomes a file."""
    APPEND = "append"
    """``%%writefile -a path``."""
    FOLDER = "folder"
    """``%cd folder``."""
    ENVIRONMENT = "environment"
    """``%env NAME=value``."""
    VALUE = "value"
    """``x = %magic``: a value that nothing is known of."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its text, and the line and column of its cell where it stands.

    Text for the shell has its lines as the cell has them; the first starts in column ``start``.
    """

    action: Action
    text: str
    cell: Cell
    line: int
    column: int = 1
    body: tuple[str, ...] = ()
    """The lines of a file that is written; the first stands on the line after ``line``."""
    start: int = 1
    expands: bool = True
    """IPython fills in ``{expression}`` and ``$name``: not in the body of a cell magic."""


class Commands:
    """All commands of a notebook; the masked text refers to them by number."""

    def __init__(self) -> None:
        self.listed: list[Command] = []

    def add(self, command: Command) -> str:
        """Keep a command; returns the Python expression that stands for it."""
        self.listed.append(command)
        return f"{CALLED}({len(self.listed) - 1})"


MODULE = "qlint_notebook"
CALLED = "_qlint_command"
STARTED = "_qlint_cell"
LOST = "_qlint_lost"
PRELUDE = f"from {MODULE} import command as {CALLED}, cell as {STARTED}, lost as {LOST}"
"""Stands before the first cell in the text that is evaluated."""
