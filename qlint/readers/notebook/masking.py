"""Turns a cell into Python: what only IPython understands is masked, line for line.

The masked text has as many lines as the cell, and all Python in it stands in its own columns.
"""

from __future__ import annotations

import ast
import re
import warnings

from qlint.readers.notebook.cell_magics import find_cell_magic, mask_other
from qlint.readers.notebook.cells import Cell
from qlint.readers.notebook.commands import Action, Command, Commands
from qlint.readers.notebook.lexing import LineState
from qlint.readers.notebook.line_magics import mask_line

_CANDIDATE = re.compile(
    r"[ \t]*(?:[%!?,;/]|[\w.\[\],'\" \t]+=[ \t]*[!%]|\S+\?{1,2}[ \t]*(?:#.*)?$"
    r"|[a-z][\w-]*(?:[ \t]|$))"
)
_LONGEST_TESTED = 2_000


def mask_cell(cell: Cell, commands: Commands) -> list[str]:
    """The lines of a cell as Python; its commands are kept in ``commands``."""
    magic = find_cell_magic(cell.lines)
    if magic is not None and not magic.runs_python:
        return mask_other(cell, magic, commands)
    lines = list(cell.lines)
    if magic is not None:
        lines[magic.line] = ""
    return _mask_lines(cell, lines, commands)


def _mask_lines(cell: Cell, lines: list[str], commands: Commands) -> list[str]:
    masked: list[str] = []
    state = LineState()
    number = 0
    while number < len(lines):
        line = lines[number]
        if state.at_statement and _CANDIDATE.match(line):
            taken = _continued(lines, number)
            python = _masked_line(cell, number, lines[number : number + taken], commands)
            if python is not None:
                masked += [python, *[""] * (taken - 1)]
                number += taken
                continue
        state.read(line)
        masked.append(line)
        number += 1
    return masked


def _masked_line(cell: Cell, number: int, lines: list[str], commands: Commands) -> str | None:
    # Two blanks for a backslash and the end of its line: what is found keeps its position.
    line = "  ".join(part.removesuffix("\\") for part in lines)
    raw = "\n".join(lines)

    def emit(action: Action, text: str, column: int) -> str:
        start = line.find(text, column - 1) if action is Action.SHELL else -1
        if start < 0:
            return commands.add(Command(action, text, cell, number + 1, column))
        own = raw[start : start + len(text)]
        return commands.add(Command(action, own, cell, number + 1, column, start=start + 1))

    return mask_line(line, _is_python, emit)


def _continued(lines: list[str], number: int) -> int:
    """How many lines a magic or shell line has, with those that backslashes add."""
    end = number
    while lines[end].endswith("\\") and end + 1 < len(lines):
        end += 1
    return end - number + 1


def _is_python(line: str) -> bool:
    """Whether a single line is a Python statement, or the start of one."""
    if len(line) > _LONGEST_TESTED:
        return True
    text = line.strip()
    if text.count("(") > text.count(")") or text.endswith((":", "[", "{", ",")):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
