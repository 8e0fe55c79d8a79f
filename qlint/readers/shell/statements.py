"""Runs the statements of a script: what is decided is decided, else both ways are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from qlint.readers.shell import loops
from qlint.readers.shell.conditions import Truth, test_words
from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.machine import Machine
from qlint.readers.shell.outputs import Output
from qlint.readers.shell.patterns import MAXIMUM_TEXT
from qlint.readers.shell.pieces import short
from qlint.readers.shell.redirections import redirected
from qlint.readers.shell.simple import run_simple
from qlint.readers.shell.state import State, merge
from qlint.readers.shell.syntax import (
    AndOr,
    ArithmeticCommand,
    ArithmeticFor,
    Block,
    Case,
    For,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    Simple,
    Test,
    While,
)

Way: TypeAlias = Callable[[State], None]
"""What runs on one of the ways that a condition decides between."""


def execute(machine: Machine, node: Node, state: State) -> Truth:
    """Run one statement; whether it succeeds, as far as that is known."""
    machine.spend()
    machine.enter()
    truth = _execute(machine, node, state)
    machine.depth -= 1
    return truth


def _execute(machine: Machine, node: Node, state: State) -> Truth:
    truth = Truth(True)
    if isinstance(node, Simple):
        truth = run_simple(machine, node, state)
    elif isinstance(node, AndOr):
        truth = _and_or(machine, node, state)
    elif isinstance(node, Pipeline):
        truth = _pipeline(machine, node, state)
    elif isinstance(node, If):
        _if(machine, node, state, 0)
    elif isinstance(node, For):
        loops.run_for(machine, node, state)
    elif isinstance(node, ArithmeticFor):
        loops.run_arithmetic_for(machine, node, state)
    elif isinstance(node, While):
        loops.run_while(machine, node, state)
    elif isinstance(node, Case):
        _case(machine, node, state)
    elif isinstance(node, Group):
        truth = _group(machine, node, state)
    elif isinstance(node, Function):
        state.functions[node.name] = (node, state.source)
    elif isinstance(node, Test):
        truth = test_words(machine, node, state)
    elif isinstance(node, ArithmeticCommand):
        truth = arithmetic_truth(machine, node, state)
    return truth


def status(machine: Machine, block: Block, state: State) -> Truth:
    """Run a condition: whether its last command succeeds."""
    truth = Truth(True)
    for node in block.nodes:
        truth = execute(machine, node, state)
        if state.ended is not None:
            break
    return truth


def arithmetic_truth(machine: Machine, node: ArithmeticCommand, state: State) -> Truth:
    """``(( expression ))`` succeeds where it is not zero."""
    expander = Expander(machine, state)
    written = state.source.written(node.start, node.end)
    value = expander.number(node.expression, written, node.start, node.end)
    if value.unknown is None:
        return Truth(value.text != "0")
    return Truth(None, None if value.presumed is None else value.presumed != "0")


def condition_text(state: State, start: int, end: int) -> str:
    """A condition as the script words it, without the brackets of a test."""
    text = short(state.source.written(start, end)).rstrip("; ")
    for opening, closing in (("[[ ", " ]]"), ("[ ", " ]"), ("test ", "")):
        if text.startswith(opening) and text.endswith(closing) and text.count(opening) == 1:
            return text[len(opening) : len(text) - len(closing)].strip()
    return text


def _if(machine: Machine, node: If, state: State, number: int) -> None:
    if number == len(node.arms):
        if node.otherwise is not None:
            machine.run(node.otherwise, state)
        return
    arm = node.arms[number]
    truth = status(machine, arm.condition, state)
    if state.ended is not None:
        return
    text = condition_text(state, arm.condition.start, arm.condition.end)

    def then(way: State) -> None:
        machine.run(arm.body, way)

    def otherwise(way: State) -> None:
        machine.spend()
        _if(machine, node, way, number + 1)

    decide(machine, state, truth, text, then, otherwise, node.start)


def decide(
    machine: Machine,
    state: State,
    truth: Truth,
    text: str,
    then: Way,
    otherwise: Way,
    start: int,
) -> None:
    """Take the way that a condition decides on; both of them where it is not known.

    Where it is known under the premise that nobody sets what the script does not set, that way is
    taken, unless it only leads out of the script; the other one is gone for its commands alone.
    """
    if truth.holds is not None:
        (then if truth.holds else otherwise)(state)
        return
    yes, no = state.fork(), state.fork()
    machine.spend(2 + len(state.variables) // 10)
    yes.conditions = (*state.conditions, text)
    no.conditions = (*state.conditions, negated(text))
    if truth.presumed is None:
        then(yes)
        otherwise(no)
        line = state.source.line_of(start)
        merge(state, ((text, yes), (negated(text), no)), line)
        return
    first, second = (yes, then), (no, otherwise)
    if not truth.presumed:
        first, second = second, first
    taken = state.fork()
    mark = len(machine.commands)
    first[1](taken)
    if taken.ended in ("exit", "failed"):
        del machine.commands[mark:]
        taken = state.fork()
        second[1](taken)
    else:
        for premise in truth.premises:
            machine.premise_unset(premise)
        second[1](second[0])
    state.adopt(taken)
    state.conditions = taken.conditions


def negated(text: str) -> str:
    """The opposite of a condition, in words."""
    return text[5:-1] if text.startswith("not (") and text.endswith(")") else f"not ({text})"


def _and_or(machine: Machine, node: AndOr, state: State) -> Truth:
    truth = execute(machine, node.first, state)
    start = node.first.start
    before = node.first
    for operator, following in node.rest:
        if state.ended is not None:
            break
        wanted = operator == "&&"
        holds = truth.holds
        if holds is None and truth.program:
            holds = True  # A program that is run is taken to do its work.
        if holds is not None and holds != wanted:
            if truth.program and not wanted:
                _otherwise(machine, following, state, state.source.written(start, before.end))
            continue
        if holds is not None:
            truth = execute(machine, following, state)
        else:
            truth = _perhaps(machine, truth, following, state, (start, before.end), wanted)
        before = following
    return truth


def _otherwise(machine: Machine, node: Node, state: State, failing: str) -> None:
    """What ``program || node`` runs where the program fails: its commands alone count."""
    way = state.fork()
    way.conditions = (*state.conditions, f"{short(failing)} fails")
    execute(machine, node, way)


def _perhaps(
    machine: Machine,
    truth: Truth,
    following: Node,
    state: State,
    span: tuple[int, int],
    wanted: bool,
) -> Truth:
    """``[ test ] && command`` where the test is not known."""
    results: list[Truth] = []

    def run(way: State) -> None:
        results.append(execute(machine, following, way))

    def skip(way: State) -> None:
        machine.spend()

    text = condition_text(state, *span)
    ways = (run, skip) if wanted else (skip, run)
    decide(machine, state, truth, text, *ways, span[0])
    return Truth(None)


def _pipeline(machine: Machine, node: Pipeline, state: State) -> Truth:
    truth = Truth(True)
    if len(node.members) == 1:
        truth = execute(machine, node.members[0], state)
    else:
        piped = None
        for number, member in enumerate(node.members):
            inner = state.fork()
            machine.spend(len(state.variables) // 10)
            last = number == len(node.members) - 1
            inner.stdin = piped
            output = state.output if last else Output()
            inner.output = output
            truth = execute(machine, member, inner)
            state.written = inner.written
            piped = None
            if output is not None and not last and output.lost is None:
                piped = output.value
        truth = truth if truth.program else Truth(None, program=True)
    return truth.opposite if node.negated else truth


def _group(machine: Machine, node: Group, state: State) -> Truth:
    with redirected(machine, node.redirections, state):
        if not node.subshell:
            return status(machine, node.body, state)
        inner = state.fork()
        truth = status(machine, node.body, inner)
        state.written = inner.written
    return truth


def _case(machine: Machine, node: Case, state: State) -> None:
    expander = Expander(machine, state)
    subject = expander.value(node.subject, "subject of case")
    written = short(expander.written(node.subject))
    ways: list[tuple[str, State]] = []
    texts: list[str] = []
    number = 0
    certain = False
    for number, arm in enumerate(node.arms):
        machine.spend()
        names = "|".join(short(expander.written(pattern)) for pattern in arm.patterns)
        match: bool | None = False
        for word in arm.patterns:
            pattern, reason = expander.pattern(word)
            if word.plain == "*":
                match = True
            elif (
                subject.unknown is not None
                or reason is not None
                or len(subject.text) > MAXIMUM_TEXT
            ):
                match = match or None
            elif pattern.matches(subject.text):
                match = True
        if match is False:
            continue
        other = " and ".join(texts[-3:])
        text = f"{written} is {names}" if names != "*" else negated(other) if other else ""
        if match and not ways:
            _arm(machine, node, number, state)
            return
        way = state.fork()
        machine.spend(2 + len(state.variables) // 10)
        way.conditions = (*state.conditions, text)
        _arm(machine, node, number, way)
        ways.append((text, way))
        texts.append(text)
        if match:
            certain = True
            break
    if ways:
        if not certain:
            ways.append(("none of these", state.fork()))
        merge(state, ways, state.source.line_of(node.start))


def _arm(machine: Machine, node: Case, number: int, state: State) -> None:
    """Run an arm, and those that it falls through to."""
    while True:
        machine.run(node.arms[number].body, state)
        if node.arms[number].ending == ";;" or number + 1 == len(node.arms):
            return
        if state.ended is not None:
            return
        number += 1
