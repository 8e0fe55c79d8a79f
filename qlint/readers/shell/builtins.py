"""The commands that the shell carries out itself, as far as they matter for what it runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.assignments import assign
from qlint.readers.shell.conditions import Truth, test_arguments
from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.machine import MAXIMUM_BYTES, Machine
from qlint.readers.shell.parameters import read_variable
from qlint.readers.shell.pieces import short
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.syntax import Simple
from qlint.readers.shell.values import EMPTY, Segment, Value, known, unknown

Builtin: TypeAlias = Callable[[Machine, Simple, list[Value], State], Truth]

_DEEPEST_SOURCING = 10
_NO_SETTINGS = re.compile(
    r"(?:activate|conda\.sh|\.?bashrc|\.?profile|\.bash_profile|\.zshrc|.*nvm\.sh|setvars\.sh"
    r"|set_env\.sh|modules?\.sh|bash|env)\Z"
)
"""Files that are sourced for the programs that they bring, not for settings of a run."""


def _nothing(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    return Truth(True)


def _fails(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    return Truth(False)


def _not_known(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    return Truth(None)


def _declare(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``export``, ``local``, ``declare``, ``typeset``, ``readonly``."""
    name = words[0].text
    flags = "".join(word.text for word in words[1:] if word.text.startswith("-"))
    exported = name == "export" or "x" in flags
    is_local = name != "export" and name != "readonly" and "g" not in flags
    names = [one.name for one in node.declared]
    plain = [one.text for one in words[1:] if one.unknown is None and _is_name(one.text)]
    for one in (*names, *plain):
        if is_local and state.locals is not None and one not in state.locals:
            state.locals[one] = state.variables.get(one)
            if one in plain:
                state.variables[one] = Variable()
    for assignment in node.declared:
        assign(machine, assignment, state)
    for word in words[1:]:
        # export $(grep ... .env) and export "$NAME=$VALUE"
        target, equals, _ = word.text.partition("=")
        if word.unknown is None and equals and _is_name(target):
            state.assign(target, word.slice(len(target) + 1, len(word.text)))
            names.append(target)
    if exported:
        for one in (*names, *plain):
            if one in state.variables:
                state.variables[one] = replace(state.variables[one], exported="-n" not in flags)
    elif ("a" in flags or "A" in flags) and plain:
        for one in plain:
            before = state.variables.get(one, Variable())
            state.variables[one] = replace(before, elements=before.elements or {})
    return Truth(True)


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z_]\w*", text) is not None


def _unset(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    for word in words[1:]:
        if word.text in state.variables or _is_name(word.text):
            state.variables[word.text] = Variable()
        state.functions.pop(word.text, None)
    return Truth(True)


def _set(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``set -- a b`` gives new arguments; ``set -e`` and its like change nothing here."""
    for number, word in enumerate(words[1:], 1):
        if word.text in ("--", "-"):
            state.arguments = tuple(words[number + 1 :])
            break
        if not word.text.startswith(("-", "+")):
            if words[number - 1].text not in ("-o", "+o") and "o" not in words[number - 1].text:
                state.arguments = tuple(words[number:])
            break
    return Truth(True)


def _shift(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    if state.arguments is not None:
        count = words[1].text if len(words) > 1 else "1"
        state.arguments = state.arguments[int(count) if re.fullmatch(r"\d{1,4}", count) else 1 :]
    return Truth(True)


def _change_folder(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``cd`` and ``pushd``; a folder that is not known is one that nothing is said of."""
    targets = [word for word in words[1:] if word.text not in ("--", "-P", "-L", "-e")]
    if words[0].text == "pushd" and targets:
        state.folders = (*state.folders, (state.folder, state.lost))
    if not targets or targets[0].unknown is not None or targets[0].text == "-":
        written = short(state.source.written(node.start, node.end))
        line = state.source.line_of(node.start)
        state.lost = f"`{written}` in line {line} leads to a folder that is not known"
        machine.assume(f"`{written}` in line {line} stays in the project")
        return Truth(True)
    if os.path.isabs(targets[0].text):
        state.lost = None
    state.folder = state.path(targets[0].text)
    return Truth(True)


def _leave_folder(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    if state.folders:
        state.folder, state.lost = state.folders[-1]
        state.folders = state.folders[:-1]
    return Truth(True)


def _print_folder(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    if state.output is not None:
        if state.lost:
            state.output.add(unknown("$(pwd)", state.lost))
        else:
            state.output.add(known(state.folder), "\n")
    return Truth(True)


def _source(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``source file``: runs it here, where it lies in the project."""
    if len(words) < 2:
        return Truth(True)
    line = state.source.line_of(node.start)
    name = words[1].text
    path, data = (name, None) if words[1].unknown is not None else _sourced(machine, name, state)
    if data is None:
        if not _NO_SETTINGS.match(os.path.basename(name)):
            machine.assume(f"{short(name)}, which line {line} sources, sets nothing that matters")
        return Truth(True, program=True)
    if path in machine.sourced or len(machine.sourced) >= _DEEPEST_SOURCING:
        return Truth(True)
    text, places = data
    before, arguments = state.source, state.arguments
    state.source = text
    if places:
        machine.assume(f"{short(name)} is the one that the script writes")
    if len(words) > 2:
        state.arguments = tuple(words[2:])
    machine.sourced.append(path)
    machine.run(machine.parse(text), state)
    machine.sourced.pop()
    state.source, state.arguments = before, arguments if len(words) > 2 else state.arguments
    if state.ended == "return":
        state.ended = None
    return Truth(True)


def _sourced(
    machine: Machine, name: str, state: State
) -> tuple[str, tuple[SourceText, bool] | None]:
    """The file that is sourced; a script lies in a folder of the project and is started above."""
    path = state.path(name)
    data = _read(machine, path, state)
    folder = state.folder
    while data is None and not os.path.isabs(name) and machine.inside(os.path.dirname(folder)):
        folder = os.path.dirname(folder)
        path = os.path.normpath(os.path.join(folder, name))
        data = _read(machine, path, state)
        if data is not None:
            machine.assume(f"started in {machine.request.display(folder)}")
    return path, data


def _read(machine: Machine, path: str, state: State) -> tuple[SourceText, bool] | None:
    written = state.written.get(path)
    if written is not None:
        text = written.data.decode("utf-8", "replace")
        return SourceText(text, written.places.path, written.places), True
    if state.lost or not machine.inside(path):
        return None
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > MAXIMUM_BYTES:
            return None
        with open(path, "rb") as file:
            data = file.read(MAXIMUM_BYTES)
    except OSError:
        return None
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return SourceText(text, machine.request.display(path)), False


def _eval(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    segments: list[Segment] = []
    for word in words[1:]:
        if segments:
            segments.append(Segment(" "))
        segments += word.segments
    place = state.source.origin(node.start, node.end, "run by eval")
    machine.enter()
    machine.run_text(Value(tuple(segments)).bounded(place), place, state)
    machine.depth -= 1
    return Truth(None)


def _test(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    given = words[1:]
    if words[0].text == "[":
        if not given or given[-1].text != "]":
            return Truth(None)
        given = given[:-1]
    return test_arguments(machine, state, given)


def _exit(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    status = words[1].text if len(words) > 1 else "0"
    state.ended = "exit" if status == "0" else "failed"
    return Truth(None)


def _return(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    state.ended = "return"
    if len(words) < 2 or words[1].unknown is not None:
        return Truth(None)
    return Truth(words[1].text == "0")


def _break(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    state.ended = words[0].text
    return Truth(True)


def _let(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    expander = Expander(machine, state)
    place = state.source.origin(node.start, node.end, "computed by let")

    def lookup(name: str) -> str:
        machine.spend()
        value = read_variable(expander, name)
        if value.unknown is not None:
            raise NotANumber(value.unknown)
        return value.text

    def compute(text: str) -> int | None:
        try:
            return evaluate(
                text, lookup, lambda name, value: state.assign(name, known(str(value), [place]))
            )
        except NotANumber as problem:
            name = re.match(r"[A-Za-z_]\w*", text)
            if name is not None:
                state.assign(name.group(), unknown(text, problem.reason, [place]))
            return None

    results = [compute(word.text) for word in words[1:]]
    return Truth(None if not results or results[-1] is None else results[-1] != 0)


def _read_input(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``read``: from a here-string it is known, else somebody types it or a file holds it."""
    names = [one.text for one in words[1:] if one.unknown is None and _is_name(one.text)]
    flags = "".join(one.text for one in words[1:] if one.text.startswith("-"))
    place = state.source.origin(node.start, node.end, "read")
    separators = " \t\n"
    for assignment in node.assignments:
        if assignment.name == "IFS" and assignment.value is not None:
            separators = Expander(machine, state).value(assignment.value, "IFS").text
    stdin = state.stdin
    if stdin is None or stdin.unknown is not None:
        for name in names or ["REPLY"]:
            reason = f"{name} is read when the script runs"
            state.assign(name, unknown(f"${name}", reason, [place]))
        return Truth(None)
    line = stdin.slice(0, len(stdin.text.partition("\n")[0]))
    parts = _parted(line, separators, 0 if "a" in flags else len(names))
    if "a" in flags and names:
        elements = {str(number): one.passed(place) for number, one in enumerate(parts)}
        state.variables[names[-1]] = Variable(EMPTY, elements)
        return Truth(True)
    for number, name in enumerate(names):
        state.assign(name, parts[number].passed(place) if number < len(parts) else EMPTY)
    return Truth(True)


def _parted(line: Value, separators: str, limit: int) -> list[Value]:
    """The words of a line; the last of ``limit`` ones takes all that is left."""
    if not separators:
        return [line]
    text = line.text
    found: list[Value] = []
    for word in re.finditer(f"[^{re.escape(separators)}]+", text):
        if limit and len(found) == limit - 1:
            end = len(text.rstrip(separators))
            found.append(line.slice(word.start(), end))
            break
        found.append(line.slice(*word.span()))
    return found


def _get_options(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """``getopts``: without arguments there is no option."""
    if state.arguments:
        return Truth(None)
    machine.assume("started without arguments")
    return Truth(False)


BUILTINS: dict[str, Builtin] = {
    ".": _source,
    ":": _nothing,
    "[": _test,
    "alias": _nothing,
    "bind": _nothing,
    "break": _break,
    "cd": _change_folder,
    "command": _not_known,
    "continue": _break,
    "declare": _declare,
    "eval": _eval,
    "exec": _nothing,
    "exit": _exit,
    "export": _declare,
    "false": _fails,
    "getopts": _get_options,
    "hash": _not_known,
    "let": _let,
    "local": _declare,
    "mapfile": _read_input,
    "popd": _leave_folder,
    "pushd": _change_folder,
    "pwd": _print_folder,
    "read": _read_input,
    "readarray": _read_input,
    "readonly": _declare,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "shopt": _nothing,
    "sleep": _nothing,
    "source": _source,
    "test": _test,
    "trap": _nothing,
    "true": _nothing,
    "type": _not_known,
    "typeset": _declare,
    "ulimit": _nothing,
    "umask": _nothing,
    "unset": _unset,
    "wait": _nothing,
}
