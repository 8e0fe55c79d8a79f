"""``a if test else b``, and the conditions that a test which is not known stands for."""

from __future__ import annotations

from functools import partial

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.conditions import Condition, condition_of
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.flags import consult
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, code, trace, unknown
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    OneOf,
    Option,
    Unknown,
    Value,
    one_of,
)


@handles(cst.IfExp)
def _conditional(machine: Machine, node: cst.IfExp, frame: Frame) -> Value:
    test = evaluate(machine, node.test, frame)
    consult(machine, test)
    verdict = operators.truth(test)
    consult(machine, test)
    if verdict is not None:
        chosen = evaluate(machine, node.body if verdict else node.orelse, frame)
        if chosen.trace is not None and test.trace is not None and chosen.trace.from_library:
            # Picked among library values: the input decides which.
            return chosen.traced(trace(frame, node, "compute", None, chosen.trace))
        return chosen
    condition, otherwise = conditions_of(test, node.test, frame)
    fact = decided(machine, condition)
    if fact is not None:
        return evaluate(machine, node.body if fact else node.orelse, frame)
    body, left = machine.fork(partial(evaluate, machine, node.body, frame), condition)
    orelse, right = machine.fork(partial(evaluate, machine, node.orelse, frame), otherwise)
    machine.journal.join([(condition, left), (otherwise, right)])
    if isinstance(test, Unknown) and test.tag is not None:
        return unknown(frame, node, test.reason, test)
    joined = one_of([Option(body, condition), Option(orelse, otherwise)])
    if isinstance(joined, OneOf):
        return joined.traced(decision(test, condition, node, frame))
    return joined


def conditions_of(
    test: Value, node: cst.BaseExpression, frame: Frame
) -> tuple[Condition, Condition]:
    """The condition that a test which is not known stands for, and its opposite."""
    names = [frame.find(name) for name in frame.file.names(node)]
    return condition_of(test, node, code(frame.file, node), names)


def decided(machine: Machine, condition: Condition) -> bool | None:
    """Whether a condition holds where it, or its opposite, is known to hold; else None."""
    if condition.key is not None:
        for fact in machine.facts:
            if fact.key == condition.key:
                return fact.holds is condition.holds
    return None


def decision(test: Value, condition: str, node: cst.CSTNode, frame: Frame) -> Trace:
    """The station at which a value depends on what is not known."""
    reason = f": {test.reason}" if isinstance(test, Unknown) else ""
    return trace(frame, node, "unknown", f"depends on {condition}{reason}", test.trace)
