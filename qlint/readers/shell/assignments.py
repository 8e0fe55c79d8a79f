"""Assignments: texts, arrays and what ``+=`` adds to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlint.readers.shell.arithmetic import NotANumber, evaluate
from qlint.readers.shell.expansion import Expander
from qlint.readers.shell.parameters import read_variable
from qlint.readers.shell.state import State, Variable
from qlint.readers.shell.syntax import Assignment, Word
from qlint.readers.shell.values import EMPTY, Value

if TYPE_CHECKING:
    from qlint.readers.shell.machine import Machine

_MAXIMUM_VARIABLES = 3_000


def assign(machine: Machine, assignment: Assignment, state: State) -> None:
    """Carry out an assignment."""
    if len(state.variables) > _MAXIMUM_VARIABLES:
        machine.spend(1_000)
    name = assignment.name
    before = state.variables.get(name)
    if assignment.elements is not None:
        _assign_list(machine, assignment, state, before)
        return
    value = assigned_value(machine, assignment, state)
    if assignment.index is not None:
        _assign_element(machine, assignment, state, value)
        return
    if assignment.appends and before is not None:
        old = before.value
        if before.elements is not None:
            old = before.elements.get("0", EMPTY)
        place = state.source.origin(assignment.start, assignment.end, f"variable {name}")
        value = Value((*old.segments, *value.segments)).bounded(place)
        machine.spend(1 + len(value.segments) // 10)
    state.assign(name, value)


def assigned_value(machine: Machine, assignment: Assignment, state: State) -> Value:
    """The text on the right of ``NAME=``."""
    assert assignment.value is not None
    return Expander(machine, state).value(assignment.value, f"variable {assignment.name}")


def _assign_list(
    machine: Machine, assignment: Assignment, state: State, before: Variable | None
) -> None:
    via = f"element of {assignment.name}"
    elements: dict[str, Value] = {}
    if assignment.appends and before is not None:
        old = before.elements
        elements = (
            dict(old) if old is not None else {"0": before.value} if before.value.text else {}
        )
        machine.spend(1 + len(elements) // 10)
    number = _following(elements)
    expander = Expander(machine, state)
    for element in assignment.elements or ():
        if element.key is None:
            for value in expander.words([element.value], via):
                elements[str(number)] = value
                number += 1
            continue
        key = _index(machine, state, assignment.name, element.key)
        if key is not None:
            elements[key] = expander.value(element.value, via)
            number = int(key) + 1 if key.isdigit() and len(key) < 10 else number
    exported = before is not None and before.exported
    state.variables[assignment.name] = Variable(EMPTY, elements, exported)


def _following(elements: dict[str, Value]) -> int:
    numbers = [int(key) for key in elements if key.isdigit() and len(key) < 10]
    return max(numbers, default=-1) + 1


def _assign_element(machine: Machine, assignment: Assignment, state: State, value: Value) -> None:
    before = state.variables.get(assignment.name)
    old: dict[str, Value] = {}
    if before is not None:
        old = dict(before.elements) if before.elements is not None else {"0": before.value}
    machine.spend(1 + len(old) // 10)
    assert assignment.index is not None
    key = _index(machine, state, assignment.name, assignment.index)
    if key is None:
        return
    if assignment.appends and key in old:
        value = Value((*old[key].segments, *value.segments))
    state.variables[assignment.name] = replace(before or Variable(), elements={**old, key: value})


def _index(machine: Machine, state: State, name: str, index: Word) -> str | None:
    """An index as text: a number where it computes to one, else a key. None if not known."""
    expander = Expander(machine, state)
    value = expander.value(index, f"index of {name}")
    if value.unknown is not None:
        return None
    if not any(character.isdigit() for character in value.text) and (
        value.text not in state.variables
    ):
        return value.text
    try:
        number = evaluate(
            value.text, lambda name: read_variable(expander, name).text, lambda *_: None
        )
    except NotANumber:
        return value.text
    return str(number)
