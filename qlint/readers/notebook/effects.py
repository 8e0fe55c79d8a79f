"""What commands do while the notebook is evaluated: files, folders, variables, scripts run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import libcst as cst

from qlint.readers.commands import Argument
from qlint.readers.notebook.assembly import NotebookSource
from qlint.readers.notebook.commands import MODULE, Action, Command
from qlint.readers.notebook.line_magics import words
from qlint.readers.places import LineMap, WrittenFile
from qlint.readers.python.blocks import run_statements
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, Raised, unknown
from qlint.readers.python.project import LocalModule
from qlint.readers.python.source import SourceFile, origins
from qlint.readers.python.values import Const, OneOf, Value
from qlint.readers.python.words import Word
from qlint.readers.relocation import move_origin

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(?P<expression>[^{}]+)\}|\$\{?(?P<name>[A-Za-z_]\w*)\}?")
_LONGEST_EXPRESSION = 200
_WORD = re.compile(r"[\w./:=,@%+-]+\Z")


class Started(NamedTuple):
    """Text for the shell as it is run: placeholders filled, files and variables of that moment.

    ``variables`` stand in ``text`` for placeholders; ``grown`` says where it is longer than what
    the notebook holds: positions in ``text``, and by how much.
    """

    command: Command
    text: str
    folder: str
    written: Mapping[str, WrittenFile]
    environment: Mapping[str, Argument]
    variables: Mapping[str, Argument]
    grown: Sequence[tuple[int, int]] = ()


@function(f"{MODULE}.cell")
def start_cell(machine: Machine, call: Call) -> Value:
    """A cell starts; nothing of its own happens."""
    return Const(None)


@function(f"{MODULE}.lost")
def lose(machine: Machine, call: Call) -> Value:
    """A value that stood on a line that cannot be read."""
    return unknown(call.frame, call.node, "a line of the notebook that does not parse")


@function(f"{MODULE}.command")
def perform(machine: Machine, call: Call) -> Value:
    """A masked line: its effect on what later lines see."""
    file, command = _command_of(call)
    if file is None or command is None:
        return Const(None)
    if command.action is Action.SHELL:
        started = _started(machine, command, call.frame)
        machine.emit("command", None, call.node, call.frame, started)
        return unknown(call.frame, call.node, "the output of a shell command")
    text = _filled(machine, command.text, call.frame)
    if command.action is Action.RUN:
        _run(machine, words(text), call)
    elif command.action in (Action.WRITE, Action.APPEND):
        _write(machine, command, text, file)
    elif command.action is Action.FOLDER:
        _change_folder(machine, text)
    elif command.action is Action.ENVIRONMENT:
        name, _, value = text.replace("=", " ", 1).partition(" ")
        if name and value.strip():
            machine.environment[name] = Const(value.strip().strip("\"'"))
    elif command.action is Action.VALUE:
        return unknown(call.frame, call.node, "the result of a magic command")
    return Const(None)


def _command_of(call: Call) -> tuple[NotebookSource | None, Command | None]:
    file = call.frame.file
    given = call.arguments.positional[0] if call.arguments.positional else None
    if not isinstance(file, NotebookSource) or not isinstance(given, Const):
        return None, None
    number = given.value
    return file, file.commands[number] if 0 <= number < len(file.commands) else None


def _started(machine: Machine, command: Command, frame: Frame) -> Started:
    variables: dict[str, Argument] = {}
    grown: list[tuple[int, int]] = []
    text = command.text
    if command.expands:
        text = _filled(machine, text, frame, variables, grown)
    given = machine.environment.holder.slots.data.items()
    return Started(
        command,
        text,
        machine.project.folder,
        dict(machine.project.written),
        {name: _argument(value, name, frame) for name, value in given if isinstance(name, str)},
        variables,
        grown,
    )


def _filled(
    machine: Machine,
    text: str,
    frame: Frame,
    variables: dict[str, Argument] | None = None,
    grown: list[tuple[int, int]] | None = None,
) -> str:
    """``{expression}`` and ``$name`` replaced by what they are known to be, else left alone.

    In text for the shell, which has the environment itself, a variable stands for a value of the
    notebook that is one word or is not known; ``variables`` takes them.
    """

    def fill(found: re.Match[str]) -> str:
        made = replacement(found)
        if grown is not None and len(made) != len(found.group()):
            shift = sum(more for _, more in grown)
            more = len(made) - len(found.group())
            grown.append((found.start() + shift + len(made), more))
        return made

    def replacement(found: re.Match[str]) -> str:
        if found.group() in ("{{", "}}"):
            return found.group()[0]
        name = found["name"]
        value = frame.find(name) if name else _evaluated(machine, found["expression"], frame)
        if name and value is None and variables is None:
            value = machine.environment.get(name)
        quoted = text.count("'", 0, found.start()) % 2 == 1
        one_word = isinstance(value, Const) and _WORD.match(str(value.value)) and not quoted
        if isinstance(value, Const) and (variables is None or not one_word):
            return str(value.value)
        if variables is None or (
            value is None and (name or not found["expression"].isidentifier())
        ):
            return found.group()
        variable = f"qlint_placeholder_{len(variables)}"
        variables[variable] = _argument(value, found.group(), frame)
        return f"${{{variable}}}"

    return _PLACEHOLDER.sub(fill, text)


def _argument(value: Value | None, name: str, frame: Frame) -> Argument:
    """A value of the notebook as a word of a command."""
    file = frame.file
    maps = {file.path: file.places} if isinstance(file, NotebookSource) else {}
    stations = origins(value.trace) if value is not None else ()
    stations = tuple(move_origin(station, maps) for station in stations)
    if isinstance(value, Const):
        return Argument(str(value.value), stations)
    return Argument(name, stations, f"{name} is known only when the notebook runs")


def _evaluated(machine: Machine, text: str, frame: Frame) -> Value | None:
    if len(text) > _LONGEST_EXPRESSION:
        return None
    try:
        node = cst.parse_expression(text.strip())
    except (cst.ParserSyntaxError, RecursionError, ValueError):
        return None
    if isinstance(node, cst.Name):
        return frame.find(node.value)
    if not isinstance(node, cst.Attribute | cst.Subscript | cst.BinaryOperation | cst.Call):
        return None  # {"key": 1} of a curl call is no expression to be filled in
    try:
        value = evaluate(machine, node, frame)
    except Raised:
        return None
    return None if isinstance(value, OneOf) else value


def _write(machine: Machine, command: Command, name: str, file: NotebookSource) -> None:
    if not name:
        return
    project = machine.project
    path = project.local(name)
    data = ("\n".join(command.body) + "\n").encode("utf-8", "replace")
    places = LineMap(file.path)
    for number, _ in enumerate(command.body, command.line + 1):
        places.add(command.cell.place(number))
    before = project.written.get(path)
    if command.action is Action.APPEND and before is not None:
        data, places = before.data + data, before.places.followed_by(places)
    project.written[path] = WrittenFile(data, places)
    project.parsed.pop(path, None)
    machine.loaded.pop(path, None)


def _change_folder(machine: Machine, text: str) -> None:
    name = (words(text) or [""])[0]
    path = machine.project.local(name)
    if name and machine.project.inside(path):
        machine.project.folder = path


def _run(machine: Machine, given: list[str], call: Call) -> None:
    """``%run script.py args``: its names become the notebook's."""
    given = [word for word in given if word not in ("-i", "-e", "-n", "-t", "-p")]
    if not given:
        return
    project = machine.project
    name = given[0] if os.path.splitext(given[0])[1] else f"{given[0]}.py"
    path = project.resolve(name)
    if path is None:
        machine.assume(f"%run {given[0]} changes nothing: the script is not there")
        return
    file = _parsed(machine, path)
    if file is None or call.frame.file is file:
        return
    frame = Frame(file)
    frame.slots.data["__name__"] = Const("__main__")
    before, machine.argv = machine.argv, tuple(map(Word, given[1:]))
    machine.depth += 1
    try:
        if machine.depth < 10:
            run_statements(machine, file.module.body, frame)
    except Raised as raised:
        machine.assume(f"{given[0]} ends before '{raised.reason}'")
    finally:
        machine.depth -= 1
        machine.argv = before
    target = call.frame.globals
    target.stars.extend(frame.stars)
    for key, value in frame.slots.data.items():
        if isinstance(key, str) and not key.startswith("__"):
            machine.journal.write(target.slots, key, value)


def _parsed(machine: Machine, path: str) -> SourceFile | None:
    if not path.endswith(".ipynb"):
        return machine.project.parse(LocalModule("__main__", path))
    known = machine.project.parsed
    if path not in known:
        from qlint.readers.notebook.reader import parse_notebook

        data = machine.project.read_bytes(path, 20_000_000)
        shown = machine.project.display(path)
        known[path] = parse_notebook(shown, data).source if data is not None else None
    return known[path]
