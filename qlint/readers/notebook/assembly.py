"""Puts the cells of a notebook together into one program that the Python reader can evaluate.

Cells share their names and run in order, so they are pieces of one module. Before each stands a
call that says which cell starts; a table ties every line of the program to its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from qlint.readers.gate import check_nesting, check_syntax, holds_run
from qlint.readers.notebook.cells import Cell, Cells
from qlint.readers.notebook.commands import PRELUDE, STARTED, Command, Commands
from qlint.readers.notebook.masking import mask_cell
from qlint.readers.notebook.recovery import recover
from qlint.readers.places import LineMap, Place
from qlint.readers.python.libraries.optional import load_for
from qlint.readers.python.source import SourceFile
from qlint.recipe import Problem

MAXIMUM_BROKEN = 40
"""Cells that do not parse are told one by one, and read where they can be, up to this many."""


class NotebookSource(SourceFile):
    """The program that the cells of a notebook make up.

    ``commands`` are what its masked lines stand for, ``places`` says where its lines stand,
    ``notes`` what had to be done to cells that do not parse.
    """

    __slots__ = ("commands", "notes", "places")

    def __init__(
        self,
        path: str,
        text: str,
        module: cst.Module,
        commands: Sequence[Command],
        places: LineMap,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(path, text, module)
        self.commands = commands
        self.places = places
        self.notes = notes

    def parts(self) -> list[Sequence[Any]]:
        """The statements of each cell: one that ends in an error does not end the notebook."""
        parts: list[Sequence[Any]] = []
        start = 0
        body = self.module.body
        for number, statement in enumerate(body):
            if _starts_cell(statement) and number > start:
                parts.append(body[start:number])
                start = number
        parts.append(body[start:])
        return parts


def _starts_cell(statement: Any) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    return (
        isinstance(first, cst.Expr)
        and isinstance(first.value, cst.Call)
        and isinstance(first.value.func, cst.Name)
        and first.value.func.value == STARTED
    )


class Assembled:
    """The outcome: the program, and what of the notebook is not in it."""

    def __init__(self, source: NotebookSource | None, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = problems


def assemble(path: str, cells: Cells) -> Assembled:
    """Mask and check every cell, then parse them together."""
    commands = Commands()
    problems = list(cells.problems)
    notes: list[str] = []
    pieces: list[tuple[Cell, list[str], int]] = []
    untold = 0
    for cell in cells.cells:
        lines, shift = _dedented(mask_cell(cell, commands))
        broken = _broken(path, lines)
        if broken is not None and len(problems) >= MAXIMUM_BROKEN:
            untold += 1
            continue
        if broken is not None:
            rest = _rest(lines, path)
            problems.append(_problem(path, cell, broken, rest[1], shift))
            if rest[0] is None:
                continue
            lines = rest[0]
            notes.append(f"cell {cell.number} does not parse and is read with {rest[1]}")
        if any(line.strip() for line in lines):
            pieces.append((cell, lines, shift))
    if untold:
        problems.append(Problem(path, f"{untold} more cells cannot be parsed", fatal=False))
    while True:
        program = _Program(path, pieces)
        excess = check_nesting(program.text, path)
        if excess is None:
            break
        # Cells that are small enough each: data written into code is the first to go.
        largest = max(pieces, key=lambda piece: sum(map(len, piece[1])))
        pieces.remove(largest)
        problems.append(_problem(path, largest[0], Problem(path, "is too large"), None, 0))
    return _parsed(path, program, pieces, commands, problems, notes)


class _Program:
    def __init__(self, path: str, pieces: Sequence[tuple[Cell, list[str], int]]) -> None:
        self.places = LineMap(path)
        self.places.add(Place(1, 1, 1))
        lines = [PRELUDE]
        for cell, own, shift in pieces:
            lines.append(f"{STARTED}({cell.number})")
            self.places.add(cell.place(1))
            for number, line in enumerate(own, 1):
                lines.append(line)
                self.places.add(cell.place(number, shift))
        self.text = "\n".join(lines) + "\n"


def _parsed(
    path: str,
    program: _Program,
    pieces: list[tuple[Cell, list[str], int]],
    commands: Commands,
    problems: list[Problem],
    notes: list[str],
) -> Assembled:
    failed = _libcst_error(program.text)
    if failed is not None:
        # Python takes every cell, so it is one that libcst does not know how to read.
        for piece in list(pieces):
            reason = _libcst_error("\n".join(piece[1]) + "\n")
            if reason is not None:
                pieces.remove(piece)
                problems.append(_problem(path, piece[0], Problem(path, reason), None, 0))
        program = _Program(path, pieces)
        failed = _libcst_error(program.text)
        if failed is not None:
            problems.append(Problem(path, f"the cells together cannot be parsed: {failed}"))
            return Assembled(None, problems)
    module = cst.parse_module(program.text)
    load_for(program.text)
    source = NotebookSource(path, program.text, module, commands.listed, program.places, notes)
    return Assembled(source, problems)


def _libcst_error(text: str) -> str | None:
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as problem:
        return f"cannot be parsed: {problem.message}"
    except RecursionError:
        return "is nested too deeply to be parsed"
    return None


def _dedented(lines: list[str]) -> tuple[list[str], int]:
    """IPython takes the indent of the first line away from all lines."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    if not indent or first.lstrip().startswith("#"):
        return lines, 0
    return [line.removeprefix(indent) for line in lines], len(indent)


def _broken(path: str, lines: list[str]) -> Problem | None:
    text = "\n".join(lines) + "\n"
    excess = check_nesting(text, path)
    if excess is not None:
        return excess
    if "\0" in text:
        return Problem(path, "holds a NUL character", text[: text.index("\0")].count("\n") + 1)
    return check_syntax(text, path)


def _rest(lines: list[str], path: str) -> tuple[list[str] | None, str | None]:
    """What can be read of a broken cell that holds configuration, and what was done to it."""
    text = "\n".join(lines)
    if "\0" in text or not holds_run(text.encode("utf-8", "replace"), ".ipynb"):
        return None, None
    found = recover(lines, path)
    return (None, None) if found is None else (found.lines, found.describe())


def _problem(path: str, cell: Cell, broken: Problem, done: str | None, shift: int) -> Problem:
    line = min(max(broken.line, 1), max(len(cell.lines), 1))
    outcome = f"it is read with {done}" if done else "it is skipped, the other cells are read"
    return Problem(
        path,
        f"cell {cell.number}: {broken.message}; {outcome}",
        line,
        broken.column + shift,
        cell.number,
        cell.physical_line(line),
        fatal=False,
    )
