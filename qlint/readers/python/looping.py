"""Loops: run element by element where all are known, once for all of them where not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.assignment import assign
from qlint.readers.python.blocks import run_block, statement
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.journal import Outcome
from qlint.readers.python.machine import LoopState, Machine, Raised, code, unknown
from qlint.readers.python.values import (
    Const,
    Instance,
    Items,
    Missing,
    OneOf,
    Option,
    Ref,
    Sequence,
    Unknown,
    Value,
    one_of,
    same,
)
from qlint.readers.python.ways import (
    Continuation,
    Ended,
    Leave,
    Runner,
    Signal,
    Split,
    Way,
    branch,
    replaced,
    settle,
)

MAX_ITERATIONS = 64

_STEPS = (".backward(", ".step(", ".train(", ".training_step(")
"""Signs of a loop that trains: what it does is seen in one iteration."""


@statement(cst.For)
def run_for(machine: Machine, node: cst.For, frame: Frame) -> Ended:
    """``for target in iterable``."""
    iterable = evaluate(machine, node.iter, frame)
    if isinstance(iterable, OneOf):
        several = _several(machine, node, iterable, frame)
        if several is not None:
            return branch(machine, several)
    values = elements(machine, iterable)
    if values is not None and len(values) <= MAX_ITERATIONS:
        state = LoopState(node, iterable, frame, bounded=True)
        return _inside(machine, state, values)
    element = _element_of(machine, iterable, node, frame)
    certain = False
    if isinstance(iterable, Ref) and isinstance(iterable.target, Instance):
        certain = iterable.target.role == "range"
    if not certain:
        tag = iterable.tag if isinstance(iterable, Unknown) else None
        iterable = Unknown("a loop over what is not known", tag=tag)
    state = LoopState(node, iterable, frame)
    machine.loops.append(state)
    try:
        signal = _once(machine, state, element, certain or bool(values))
    finally:
        machine.loops.pop()
    ways = Continuation(machine)
    try:
        if signal is None or ways.goes_on(signal):
            signal = replaced(machine, _ended(machine, state), _unless_leave)
    except BaseException as problem:
        signal = ways.abandon(problem)
    return ways.finish(signal)


def _several(
    machine: Machine, node: cst.For, iterable: OneOf, frame: Frame
) -> list[tuple[str, Runner]] | None:
    """A loop over one of several iterables, each with elements that are known."""
    branches: list[tuple[str, Runner]] = []
    for option in iterable.options:
        values = elements(machine, option.value)
        if values is None or len(values) > MAX_ITERATIONS:
            return None
        state = LoopState(node, option.value, frame, bounded=True)
        branches.append(
            (option.condition or "one of several", partial(_inside, machine, state, values))
        )
    return branches


def _ended(machine: Machine, state: LoopState) -> Ended:
    """What follows a loop that was run once for all of its iterations."""
    if not state.left:
        return _otherwise(machine, state.node, state.frame)
    follow = partial(_otherwise, machine, state.node, state.frame)
    return branch(machine, [("the loop ends", follow), ("the loop is left", lambda: None)])


def _inside(machine: Machine, state: LoopState, values: list[Value]) -> Ended:
    node, frame = state.node, state.frame
    assert isinstance(node, cst.For)
    machine.loops.append(state)
    ways = Continuation(machine)
    signal: Ended = None
    try:
        for value in _living(machine, state.iterable, values):
            machine.step()
            assign(machine, node.target, value, frame)
            signal = replaced(machine, run_block(machine, node.body, frame), _unless_continue)
            if signal is not None:
                if not ways.goes_on(signal):
                    break
                signal = None
        else:
            signal = _otherwise(machine, node, frame)
    except BaseException as problem:
        signal = ways.abandon(problem)
    finally:
        machine.loops.remove(state)
    return replaced(machine, ways.finish(signal), _unless_leave)


def _living(machine: Machine, iterable: Value | None, values: list[Value]) -> Iterator[Value]:
    """The elements of an iterable; a list that its own loop changes yields what it then holds."""
    position = 0
    while position < min(len(values), MAX_ITERATIONS):
        yield values[position]
        position += 1
        if isinstance(iterable, Ref) and isinstance(iterable.target, Sequence):
            values = list(iterable.target.values or ())


def _unless_continue(signal: Ended) -> Ended:
    return None if isinstance(signal, Leave) and not signal.is_break else signal


def _unless_leave(signal: Ended) -> Ended:
    if isinstance(signal, Outer):
        return signal.signal
    return None if isinstance(signal, Leave) else signal


class Outer(Signal):
    """A signal that is meant for the loop around this one."""

    __slots__ = ("signal",)

    def __init__(self, signal: Leave) -> None:
        self.signal = signal


def _otherwise(machine: Machine, node: Any, frame: Frame) -> Ended:
    """The ``else`` of a loop: leaving there leaves the loop around it."""
    if node.orelse is None:
        return None
    signal = run_block(machine, node.orelse.body, frame)
    return replaced(machine, signal, lambda part: Outer(part) if isinstance(part, Leave) else part)


def _element_of(machine: Machine, iterable: Value, node: cst.For, frame: Frame) -> Value:
    """One element standing for all of an iterable that is not known."""
    from qlint.readers.python.libraries import element_of

    found = element_of(machine, iterable, node, frame)
    return found or unknown(frame, node.iter, "an element of what is not known", iterable)


@statement(cst.While)
def run_while(machine: Machine, node: cst.While, frame: Frame) -> Ended:
    """``while test``: followed while its test is known, then once for all that may come."""
    state = LoopState(node, None, frame, bounded=True)
    trains = any(sign in frame.file.code(node) for sign in _STEPS)
    ways = Continuation(machine)
    signal: Ended = None
    machine.loops.append(state)
    try:
        for count in range(MAX_ITERATIONS + 1):
            machine.step()
            verdict = operators.truth(evaluate(machine, node.test, frame))
            if verdict is False:
                signal = _otherwise(machine, node, frame)
                break
            if verdict is None or trains or count == MAX_ITERATIONS:
                state.bounded = False
                signal = _once(machine, state, None, certain=verdict is True)
                if signal is None and verdict is None:
                    signal = _ended(machine, state)
                break
            signal = replaced(machine, run_block(machine, node.body, frame), _unless_continue)
            if signal is not None:
                if not ways.goes_on(signal):
                    break
                signal = None
    except BaseException as problem:
        signal = ways.abandon(problem)
    finally:
        machine.loops.remove(state)
    return replaced(machine, ways.finish(signal), _unless_leave)


def _once(machine: Machine, state: LoopState, element: Value | None, certain: bool) -> Ended:
    """Run a body once for all its iterations, of which there may be none unless ``certain``."""
    node: Any = state.node
    frame = state.frame
    before_loop = {name: frame.find(name) for name in frame.file.loop_names(node)[0]}

    def note(signal: Ended) -> Ended:
        state.left = state.left or (isinstance(signal, Leave) and signal.is_break)
        return _unless_leave(signal)

    machine.journal.begin()
    machine.doubts += 1
    try:
        _widen(machine, node, frame)
        if element is not None:
            assign(machine, node.target, element, frame)
        signal = replaced(machine, run_block(machine, node.body, frame), note)
    except Raised:
        machine.journal.take_back()
        if certain:
            raise
        return None
    except BaseException:
        machine.journal.take_back()
        raise
    finally:
        machine.doubts -= 1
    outcome = machine.journal.take_back()
    if signal is None:
        _merge(machine, outcome, certain)
        _carry(machine, state, before_loop)
        return None
    head = node.iter if isinstance(node, cst.For) else node.test
    what = f"the loop over {code(frame.file, head)}"
    ways = [Way(f"{what} runs", signal, outcome), Way(f"{what} ends", None, {})]
    if isinstance(signal, Split):
        ways[:1] = [
            Way(way.condition, way.signal, {**outcome, **way.outcome}) for way in signal.ways
        ]
    return settle(machine, ways, None)


def _merge(machine: Machine, outcome: Outcome, certain: bool) -> None:
    """What a loop leaves behind that ran some times, or never."""
    for (slots, key), after in outcome.items():
        before = slots.get(key)
        if after is None and before is not None and slots.sparse and not certain:
            gone = Missing(f"{key} is deleted in a loop that may not run")
            machine.journal.write(slots, key, one_of([Option(before, None), Option(gone, None)]))
        elif after is None:
            machine.journal.delete(slots, key)
        elif isinstance(before, Items) and isinstance(after, Items):
            machine.journal.write(slots, key, _grown(before, after))
        elif certain:
            machine.journal.write(slots, key, after)
        elif before is None and slots.sparse:
            absent = Missing(f"{key} is set in a loop that may not run")
            machine.journal.write(slots, key, one_of([Option(after, None), Option(absent, None)]))
        elif before is not None and _either(before, after):
            options = [Option(after, "the loop runs"), Option(before, "the loop does not run")]
            machine.journal.write(slots, key, one_of(options))
        else:
            machine.journal.write(slots, key, after)


def _either(before: Value, after: Value) -> bool:
    """Whether what was there before the loop may still be there behind it."""
    if isinstance(after, Ref):
        if isinstance(after.target, Instance) and after.target.role not in _PLAIN_ROLES:
            return False
        return isinstance(before, Ref | OneOf) and before is not after
    return isinstance(after, Const | OneOf)


def _carry(machine: Machine, state: LoopState, before: dict[str, Value | None]) -> None:
    """An object made from the one of the iteration before is not known."""
    assigned, read = state.frame.file.loop_names(state.node)
    for name in assigned & read:
        old, new = before[name], state.frame.find(name)
        if not isinstance(old, Ref) or not isinstance(new, Ref) or old.target is new.target:
            continue
        if isinstance(new.target, Instance) and new.target.role not in _PLAIN_ROLES:
            continue  # A model that is wrapped stays that model.
        slots = state.frame.home(name).slots
        machine.journal.write(slots, name, Unknown(f"{name} changes in a loop", new.trace))


_PLAIN_ROLES = ("object", "namespace", "arguments", "adapter", "quantisation")


def _grown(before: Items, after: Items) -> Value:
    """A list after a loop: it is known only where the loop did not change it."""
    if same(before, after):
        return after
    added = after.values[len(before.values) :]
    if added and all(isinstance(value, Unknown) for value in added):
        return after  # What it is made of may tell something.
    return Unknown("a list that changes in a loop")


def _widen(machine: Machine, node: Any, frame: Frame) -> None:
    """Names that an iteration takes over from the one before are not known."""
    assigned, read = frame.file.loop_names(node)
    for name in assigned & read:
        slots = frame.home(name).slots
        value = slots.data.get(name)
        if isinstance(value, Const | OneOf) and not (
            isinstance(value, Const) and value.value is None
        ):
            cause = f"{name} changes in a loop"
            machine.journal.write(slots, name, Unknown(cause, value.trace))
