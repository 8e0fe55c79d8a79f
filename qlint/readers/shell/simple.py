"""Runs simple commands: assignments, builtins, functions, and the programs that are collected."""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.commands import Command
from qlint.readers.shell.assignments import assign, assigned_value
from qlint.readers.shell.builtins import BUILTINS
from qlint.readers.shell.conditions import Truth
from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.file_commands import FILE_COMMANDS
from qlint.readers.shell.filters import FILTERS
from qlint.readers.shell.machine import Machine, Stopped
from qlint.readers.shell.outputs import as_file
from qlint.readers.shell.pieces import short
from qlint.readers.shell.redirections import redirected, write
from qlint.readers.shell.source import SourceText
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.syntax import Simple
from qlint.readers.shell.values import Segment, Value, known

USED = "written in the command"

_MAXIMUM_CALLS = 20
_MAXIMUM_COMMANDS = 5_000
_TRANSPARENT = frozenset({"exec", "command", "builtin"})
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})


def run_simple(machine: Machine, node: Simple, state: State) -> Truth:
    """Run one simple command; whether it succeeds."""
    words = Expander(machine, state).words(node.words, USED, used=True)
    while len(words) > 1 and words[0].text in _TRANSPARENT and words[1].text[:1] != "-":
        words = words[1:]
    if not words:
        for assignment in node.assignments:
            assign(machine, assignment, state)
        with redirected(machine, node.redirections, state):
            return Truth(True)
    name = words[0].text if words[0].unknown is None else None
    with redirected(machine, node.redirections, state):
        if name in state.functions:
            return _call(machine, node, words, state)
        if name in BUILTINS:
            return BUILTINS[name](machine, node, words, state)
        if name in FILE_COMMANDS and not _reads_input(words, state):
            text = short(state.source.written(node.start, node.end))
            return FILE_COMMANDS[name](machine, words[1:], state, text)
        if name in FILTERS:
            return _filter(machine, words, state)
        if name == "tee":
            return _tee(machine, words[1:], state)
        return _program(machine, node, words, state)


def _reads_input(words: list[Value], state: State) -> bool:
    """Whether ``cat`` only hands on what it is fed."""
    return words[0].text == "cat" and [one.text for one in words[1:]] in ([], ["-"])


def _filter(machine: Machine, words: list[Value], state: State) -> Truth:
    """A program that does nothing but print what follows from its words and its input."""
    name = words[0].text
    given = words[1:]
    if name == "cat" and len(given) <= 1 and state.stdin is not None:
        if state.output is not None and [one.text for one in given] in ([], ["-"]):
            state.output.add(state.stdin)
        return Truth(True)
    if state.output is None and name in ("echo", "printf"):
        return Truth(True)
    if state.output is not None and name == "echo" and _plain_echo(given):
        _echo(given, state)
        return Truth(True)
    stdin = state.stdin
    unknown = [one for one in (*given, *([stdin] if stdin else [])) if one.unknown is not None]
    if unknown and name in ("echo", "printf"):
        if state.output is not None:
            state.output.add(Value(tuple(part for one in given for part in one.segments)))
        return Truth(True)
    result = None
    if not unknown:
        machine.spend(1 + (len(stdin.text) // 200 if stdin is not None else 0))
        texts = [one.text for one in given]
        result = FILTERS[name](texts, None if stdin is None else stdin.text, state.folder)
    if result is None or (state.lost and name in ("realpath", "readlink")):
        if state.output is not None:
            state.output.lost = state.output.lost or name
        return Truth(None, program=True)
    if state.output is not None:
        origins = [one for word in given for one in word.origins if one.via != USED]
        origins += stdin.origins if stdin is not None else ()
        state.output.add(known(result, origins))
    return Truth(True)


def _plain_echo(given: list[Value]) -> bool:
    return not given or given[0].unknown is not None or not given[0].text.startswith("-")


def _echo(given: list[Value], state: State) -> None:
    """``echo`` keeps where its words stand, so that a line written to a file knows its place."""
    assert state.output is not None
    for number, value in enumerate(given):
        if number:
            state.output.add(Value((Segment(" "),)))
        state.output.add(value)
    state.output.add(Value((Segment("\n"),)))


def _tee(machine: Machine, given: list[Value], state: State) -> Truth:
    """``tee``: what comes in is written to files and goes on."""
    from qlint.readers.shell.outputs import Output

    names = [one for one in given if not one.text.startswith("-")]
    appends = any(one.text in ("-a", "--append") for one in given)
    printed = Output(lost="tee")
    if state.stdin is not None:
        printed = Output(list(state.stdin.segments))
    for one in names:
        if one.unknown is None and not state.lost:
            write(machine, state.path(one.text), printed, state, appends=appends)
    if state.output is not None:
        state.output.segments += printed.segments
        state.output.lost = state.output.lost or printed.lost
    return Truth(True)


def _call(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """Run a function with arguments of its own."""
    function, source = state.functions[words[0].text]
    if sum(one == function.name for one in machine.calls) > _MAXIMUM_CALLS:
        raise Stopped(f"the function {function.name} calls itself without an end")
    before = state.source, state.arguments, state.locals, state.conditions
    arguments = []
    for number, value in enumerate(words[1:], 1):
        machine.spend()
        arguments.append(_renamed(value, f"argument {number} of {function.name}"))
    state.source, state.arguments, state.locals = source, tuple(arguments), {}
    machine.calls.append(function.name)
    prefixed = {one.name: state.variables.get(one.name) for one in node.assignments}
    for name, value in _prefix(machine, node, state, before[0]).items():
        state.variables[name] = Variable(value, None, True)
    from qlint.readers.shell.statements import execute

    truth = execute(machine, function.body, state)
    machine.calls.pop()
    for name, old in {**prefixed, **(state.locals or {})}.items():
        if old is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = old
    state.source, state.arguments, state.locals, state.conditions = before
    if state.ended == "return":
        state.ended = None
        return Truth(None) if truth.holds is not True else truth
    return truth


def _renamed(value: Value, via: str) -> Value:
    """A word of a call as the function knows it."""
    segments = []
    for segment in value.segments:
        if segment.via == USED:
            segment = replace(segment, via=via)
        elif segment.stations and (segment.stations[-1].via or "").startswith("passed as "):
            last = replace(segment.stations[-1], via=via)
            segment = replace(segment, stations=(*segment.stations[:-1], last))
        segments.append(segment)
    return Value(tuple(segments))


def _prefix(machine: Machine, node: Simple, state: State, source: SourceText) -> dict[str, Value]:
    """The variables in front of a command."""
    inside, state.source = state.source, source
    given = [one for one in node.assignments if one.value is not None]
    values = {one.name: assigned_value(machine, one, state) for one in given}
    state.source = inside
    return values


def _program(machine: Machine, node: Simple, words: list[Value], state: State) -> Truth:
    """A program that is run."""
    if state.output is not None:
        state.output.lost = state.output.lost or words[0].text
    prefix = _prefix(machine, node, state, state.source)
    collect(machine, (node.start, node.end), words, prefix, state)
    return Truth(None, program=True)


def collect(
    machine: Machine,
    span: tuple[int, int],
    words: list[Value],
    prefix: dict[str, Value],
    state: State,
) -> None:
    """Collect a program that is run; ``prefix`` are the variables set for it alone.

    ``span`` is where the command stands in the text of the state.
    """
    if len(machine.commands) >= _MAXIMUM_COMMANDS:
        raise Stopped(f"it runs more than {_MAXIMUM_COMMANDS} commands")
    inner = _inner_text(words)
    if inner is not None:
        _run_shell(machine, span, words, inner, prefix, state)
        return
    environment = state.environment()
    machine.spend(1 + len(environment) // 20)
    environment.update({name: value.argument(()) for name, value in prefix.items()})
    fed = as_file(state.stdin, state.source.shown) if state.stdin is not None else None
    machine.commands.append(
        Command(
            tuple(word.argument(()) for word in words),
            state.source.source(span[0]),
            state.folder,
            environment,
            tuple(dict.fromkeys(one for one in state.conditions if one)),
            state.written,
            fed,
        )
    )


def _inner_text(words: list[Value]) -> int | None:
    """Which word is itself shell text: that behind ``bash -c``, or ``sbatch --wrap``."""
    name = words[0].text.rpartition("/")[2]
    if name in _SHELLS:
        for number, word in enumerate(words[1:-1], 1):
            if not word.text.startswith("-"):
                return None
            if not word.text.startswith("--") and "c" in word.text:
                return number + 1
    if name == "sbatch":
        for number, word in enumerate(words):
            if word.text == "--wrap" and number + 1 < len(words):
                return number + 1
            if word.text.startswith("--wrap="):
                return number
    return None


def _run_shell(
    machine: Machine,
    span: tuple[int, int],
    words: list[Value],
    number: int,
    prefix: dict[str, Value],
    state: State,
) -> None:
    """Run a text in a shell of its own, which knows the exported variables alone."""
    text = words[number]
    if text.text.startswith("--wrap="):
        text = text.slice(len("--wrap="), len(text.text))
    inner = state.fork()
    inner.variables = {name: one for name, one in inner.variables.items() if one.exported}
    inner.variables.update({name: Variable(one, None, True) for name, one in prefix.items()})
    inner.functions = {}
    inner.arguments = tuple(words[number + 2 :])
    place = state.source.origin(*span, "run by a shell")
    machine.run_text(text, place, inner)
