"""Comprehensions: run over elements that are known, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, Raised, trace, unknown
from qlint.readers.python.values import (
    Mapping,
    Ref,
    Sequence,
    Unknown,
    Value,
)

MAX_COMPREHENSION = 256
MAX_COMPREHENSION_STEPS = 20_000
"""What one comprehension may cost: it makes data then, not a configuration."""


@handles(cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)
def _comprehension(machine: Machine, node: Any, frame: Frame) -> Value:
    produced: list[tuple[Value | None, Value]] = []
    inner = Frame(frame.file, frame, frame.function, frame.owner)
    inner.receiver = frame.receiver
    inner.comprehension = True
    is_dict = isinstance(node, cst.DictComp)
    limit = machine.steps + MAX_COMPREHENSION_STEPS

    def produce() -> None:
        if len(produced) >= operators.MAX_ITEMS or machine.steps > limit:
            raise _TooLong
        if is_dict:
            key = evaluate(machine, node.key, inner)
            produced.append((key, evaluate(machine, node.value, inner)))
        else:
            produced.append((None, evaluate(machine, node.elt, inner)))

    try:
        stopped = _run_comprehension(machine, node.for_in, inner, produce)
    except _TooLong:
        stopped = unknown(frame, node, "a comprehension too long to follow")
    if stopped is not None:
        return Unknown(stopped.reason, stopped.trace, stopped.tag)
    made = trace(frame, node, "compute")
    if is_dict:
        target = Mapping()
        for key, value in produced:
            known = key_of(key) if key is not None else None
            if known is None:
                target.meta.data["rest"] = unknown(frame, node, "a key that is not known")
            else:
                target.slots.data[known] = value
        return Ref(target, made)
    kind = "set" if isinstance(node, cst.SetComp) else "list"
    return Ref(Sequence(tuple(value for _, value in produced), kind), made)


class _TooLong(Exception):
    """A comprehension yields more than is followed."""


def _run_comprehension(
    machine: Machine, clause: cst.CompFor, inner: Frame, produce: Callable[[], None]
) -> Unknown | None:
    """Run ``for ... in ... if ...``; returns the unknown that stopped it, else None."""
    from qlint.readers.python.assignment import assign

    iterable = evaluate(machine, clause.iter, inner)
    values = elements(machine, iterable)
    if values is None or len(values) > MAX_COMPREHENSION:
        # Its parts may still tell what it is made of: run it once on an unknown element.
        stopper = unknown(inner, clause.iter, "a comprehension over what is not known", iterable)
        assign(machine, clause.target, stopper, inner)
        for condition in clause.ifs:
            evaluate(machine, condition.test, inner)
        try:
            if clause.inner_for_in is not None:
                _run_comprehension(machine, clause.inner_for_in, inner, produce)
            else:
                produce()
        except Raised:
            pass  # The element that would raise need not be there.
        return stopper
    for value in values:
        machine.step()
        assign(machine, clause.target, value, inner)
        keep = True
        for condition in clause.ifs:
            test = evaluate(machine, condition.test, inner)
            verdict = operators.truth(test)
            if verdict is None:
                return unknown(inner, condition.test, "a comprehension's condition", test)
            keep = keep and verdict
        if not keep:
            continue
        if clause.inner_for_in is not None:
            stopped = _run_comprehension(machine, clause.inner_for_in, inner, produce)
            if stopped is not None:
                return stopped
        else:
            produce()
    return None
