"""Loops: over known words as often as the shell does, else once with an unknown variable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.machine import MAXIMUM_ROUNDS, Machine
from qlint.readers.shell.pieces import short
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.syntax import (
    AndOr,
    ArithmeticCommand,
    ArithmeticFor,
    Block,
    Case,
    For,
    Group,
    If,
    Literal,
    Node,
    Parameter,
    Pipeline,
    Simple,
    While,
    Word,
)
from qlint.readers.shell.values import Value, unknown


def run_for(machine: Machine, node: For, state: State) -> None:
    """``for NAME in words``."""
    via = f"{node.name} of the loop"
    expander = Expander(machine, state)
    header = short(state.source.written(node.start, node.header_end))
    if node.words is not None:
        values = expander.words(node.words, via)
    elif state.arguments is None:
        machine.assume("started without arguments")
        values = []
    else:
        values = list(state.arguments)
    if node.chosen:
        place = state.source.origin(node.start, node.header_end, header)
        values = [unknown(f"${node.name}", f"what is chosen of {header}", [place])]
    outer = state.conditions
    for number, value in enumerate(values):
        if number == MAXIMUM_ROUNDS:
            _too_many(machine, node, state)
            break
        one = value
        if value.unknown is not None:
            if len(values) == 1 or value.text.count("*"):
                _forget(machine, node.body, state, node.start)
            state.conditions = (*outer, header)
            one = unknown(f"${node.name}", value.unknown, value.origins)
        state.assign(node.name, one)
        machine.run(node.body, state)
        state.conditions = outer
        if _left(state):
            break


def _left(state: State) -> bool:
    """Whether the loop is over after this round."""
    if state.ended == "continue":
        state.ended = None
        return False
    if state.ended == "break":
        state.ended = None
        return True
    return state.ended is not None


def _too_many(machine: Machine, node: Node, state: State) -> None:
    line = state.source.line_of(node.start)
    machine.assume(f"the loop in line {line} ends after {MAXIMUM_ROUNDS} rounds")


def run_arithmetic_for(machine: Machine, node: ArithmeticFor, state: State) -> None:
    """``for ((i = 0; i < 3; i++))``."""
    expander = Expander(machine, state)
    header = short(state.source.written(node.start, node.header_end))
    expressions = (*node.expressions, None, None, None)[:3]

    def compute(word: Word | None) -> Value | None:
        if word is None or not any(
            not isinstance(part, Literal) or part.text.strip() for part in word.parts
        ):
            return None
        return expander.number(word, header, node.start, node.header_end)

    compute(expressions[0])
    outer = state.conditions
    for _ in range(MAXIMUM_ROUNDS):
        value = compute(expressions[1])
        if value is not None and value.unknown is None and value.text == "0":
            return
        if value is None or value.unknown is not None:
            _forget(machine, node.body, state, node.start)
            if expressions[2] is not None:
                _forget_names(state, _names_in(expressions[2]), node.start)
            state.conditions = (*outer, header)
            machine.run(node.body, state)
            state.conditions = outer
            _left(state)
            return
        machine.run(node.body, state)
        state.conditions = outer
        if _left(state):
            return
        compute(expressions[2])
    _too_many(machine, node, state)


def run_while(machine: Machine, node: While, state: State) -> None:
    """``while`` and ``until``: the body once where the condition is not known."""
    from qlint.readers.shell.statements import condition_text, negated, status

    outer = state.conditions
    for _ in range(MAXIMUM_ROUNDS):
        truth = status(machine, node.arm.condition, state)
        if state.ended is not None:
            return
        truth = truth.opposite if node.until else truth
        if truth.holds is None and truth.presumed is False:
            for premise in truth.premises:
                machine.premise_unset(premise)
            return
        if truth.holds is False:
            return
        endless = truth.holds and _is_constant(node.arm.condition)
        if truth.holds is None or endless:
            _forget(machine, node.arm.body, state, node.start)
        if truth.holds is None:
            text = condition_text(state, node.arm.condition.start, node.arm.condition.end)
            state.conditions = (*outer, negated(text) if node.until else text)
        machine.run(node.arm.body, state)
        state.conditions = outer
        if _left(state) or truth.holds is None or endless:
            return
    _forget(machine, node.arm.body, state, node.start)
    _too_many(machine, node, state)


def _is_constant(condition: Block) -> bool:
    """Whether a condition is the same in every round: ``true``, ``:``."""
    node = condition.nodes[-1] if condition.nodes else None
    return isinstance(node, Simple) and all(word.plain is not None for word in node.words)


def _forget(machine: Machine, body: Block, state: State, start: int) -> None:
    """What the rounds of a loop set is not known at the start of any of them."""
    names = dict.fromkeys(assigned_names(body))
    machine.spend(len(names))
    _forget_names(state, names, start)


def _forget_names(state: State, names: Iterable[str], start: int) -> None:
    line = state.source.line_of(start)
    for name in names:
        variable = state.variables.get(name)
        if variable is not None:
            reason = f"{name} changes in the loop of line {line}"
            value = unknown(f"${name}", reason, variable.value.origins)
            state.variables[name] = Variable(value, None, variable.exported)


def _names_in(expression: Word) -> Iterator[str]:
    for part in expression.parts:
        if isinstance(part, Literal):
            yield from re.findall(r"[A-Za-z_]\w*", part.text)
        elif isinstance(part, Parameter):
            yield part.name


def assigned_names(block: Block) -> Iterator[str]:
    """The variables that commands assign, wherever in them."""
    waiting: list[Node] = list(block.nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Simple):
            for assignment in (*node.assignments, *node.declared):
                if not node.words or assignment in node.declared:
                    yield assignment.name
            if node.words and node.words[0].plain in ("read", "let", "mapfile", "readarray"):
                yield from (word.plain for word in node.words[1:] if word.plain)
        elif isinstance(node, AndOr):
            waiting += [node.first, *(one for _, one in node.rest)]
        elif isinstance(node, Pipeline):
            waiting += node.members
        elif isinstance(node, If):
            for arm in node.arms:
                waiting += [*arm.condition.nodes, *arm.body.nodes]
            waiting += node.otherwise.nodes if node.otherwise is not None else ()
        elif isinstance(node, While):
            waiting += [*node.arm.condition.nodes, *node.arm.body.nodes]
        elif isinstance(node, Case):
            waiting += [one for arm in node.arms for one in arm.body.nodes]
        elif isinstance(node, For | ArithmeticFor | Group):
            waiting += node.body.nodes
            if isinstance(node, For):
                yield node.name
            elif isinstance(node, ArithmeticFor):
                for expression in node.expressions:
                    yield from _names_in(expression)
        elif isinstance(node, ArithmeticCommand):
            yield from _names_in(node.expression)
