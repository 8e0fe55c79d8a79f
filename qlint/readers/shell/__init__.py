"""Reads shell scripts: a partial evaluator that runs nothing and yields the commands run.

``parser`` and ``words`` turn text into the nodes of ``syntax``; ``statements``, ``simple`` and
``loops`` run them on a ``machine`` in a ``state``; ``expansion`` and ``parameters`` make words of
what is written. Every text is a ``values.Value``, whose segments know where they were decided.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from qlint.readers.commands import Argument
from qlint.readers.places import LineMap, WrittenFile
from qlint.readers.request import Request
from qlint.readers.shell.batch_headers import batch_variables
from qlint.readers.shell.machine import MAXIMUM_BYTES, Machine
from qlint.readers.shell.script import Script
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.values import EMPTY, Value, from_argument, known
from qlint.recipe import Problem

__all__ = ["Script", "decode", "read_commands", "run_line", "start_state"]


def read_commands(path: str, data: bytes, request: Request) -> Script:
    """The commands of a bash or sh script, in the order in which they run.

    ``request.arguments`` are its ``$1 $2 ...``, ``request.environment`` the variables set for it,
    ``request.started_in`` the folder in which it is started, otherwise its own.
    """
    shown = request.display_path or request.display(path)
    text = decode(data, shown)
    if isinstance(text, Problem):
        return Script(problems=(text,))
    absolute = os.path.abspath(path)
    folder = os.path.abspath(request.started_in or os.path.dirname(absolute))
    source = SourceText(text, shown)
    machine = Machine(request, shown, os.path.dirname(absolute))
    state = start_state(source, folder, request, known(absolute))
    state.variables = {**batch_variables(source), **state.variables}
    machine.run_program(source, state)
    return machine.script


def run_line(
    text: str,
    places: LineMap,
    request: Request,
    *,
    folder: str,
    variables: Mapping[str, Argument] | None = None,
    written: Mapping[str, WrittenFile] | None = None,
) -> Script:
    """The commands of shell text that stands within another input.

    A notebook's ``!`` line, a Dockerfile's RUN, a recipe line of a Makefile, the string that
    ``os.system`` is given. ``places`` says where each line of ``text`` stands: ``Place.shift`` is
    how many columns stand in front of it there. ``folder`` is the absolute path of the folder in
    which it runs, ``variables`` are known besides ``request.environment`` and not exported.
    """
    if len(text) > MAXIMUM_BYTES:
        return Script(problems=(_too_large(len(text), places.path),))
    source = SourceText(text, places.path, places)
    machine = Machine(request, places.path, folder)
    state = start_state(source, folder, request, EMPTY)
    for name, argument in (variables or {}).items():
        state.variables[name] = Variable(from_argument(argument))
    state.written = {**request.written, **(written or {})}
    machine.run_program(source, state)
    return machine.script


def decode(data: bytes, shown: str) -> str | Problem:
    """The text of a launcher, its lines ended by newlines; invalid bytes are replaced."""
    if len(data) > MAXIMUM_BYTES:
        return _too_large(len(data), shown)
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        return Problem(shown, f"a NUL byte in line {line}; this is no text", line)
    text = data.decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n")


def _too_large(size: int, shown: str) -> Problem:
    limit = MAXIMUM_BYTES // 1_000_000
    message = f"the file has {size / 1e6:.1f} MB, more than the {limit} MB of a launcher"
    return Problem(shown, message)


def start_state(source: SourceText, folder: str, request: Request, name: Value) -> State:
    """What holds when the shell starts."""
    arguments = tuple(from_argument(one) for one in request.arguments) or None
    variables = {
        key: Variable(from_argument(one), None, True) for key, one in request.environment.items()
    }
    return State(source, folder, variables, arguments, name, written=dict(request.written))
