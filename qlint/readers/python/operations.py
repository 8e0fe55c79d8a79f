"""Operators as they are written: signs, arithmetic, and, or, comparisons."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python import comparisons, operators
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Option,
    Unknown,
    Value,
    alternatives,
    one_of,
)

_BINARY: dict[type[cst.BaseBinaryOp], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.BitOr: "|",
    cst.BitAnd: "&",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
}


@handles(cst.UnaryOperation)
def _unary(machine: Machine, node: cst.UnaryOperation, frame: Frame) -> Value:
    value = evaluate(machine, node.expression, frame)
    if isinstance(node.operator, cst.Not):
        return operators.negate(value, frame, node)

    def apply(operand: Value) -> Value:
        if isinstance(operand, Const) and isinstance(operand.value, int | float):
            number = operand.value
            if isinstance(node.operator, cst.Minus):
                number = -number
            elif isinstance(node.operator, cst.BitInvert) and isinstance(number, int):
                number = ~number
            # A sign belongs to its literal: "-1" is one literal to its reader.
            step = trace(frame, node, "literal" if operand.trace is None else "compute", None)
            if operand.trace is not None and operand.trace.step != "literal":
                step = trace(frame, node, "compute", None, operand.trace)
            return Const(number, step)
        return unknown(frame, node, "an operation on what is not known", operand)

    return operators.lift(apply, value)


@handles(cst.BinaryOperation)
def _binary(machine: Machine, node: cst.BinaryOperation, frame: Frame) -> Value:
    from qlint.readers.python.libraries import note_scaled

    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    sign = _BINARY.get(type(node.operator))
    if sign is None:
        return unknown(frame, node, "an operator that is not evaluated", left, right)
    if sign == "/" and machine.loops:
        note_scaled(machine, node.left, right, frame)
    return operators.binary(sign, left, right, frame, node)


@handles(cst.BooleanOperation)
def _boolean(machine: Machine, node: cst.BooleanOperation, frame: Frame) -> Value:
    wanted = isinstance(node.operator, cst.Or)
    left = evaluate(machine, node.left, frame)
    verdict = operators.truth(left)
    if verdict is wanted:
        return left
    if verdict is not None:
        return evaluate(machine, node.right, frame)
    right = evaluate(machine, node.right, frame)
    right_verdict = operators.truth(right)
    if isinstance(right, Const) and right.value is wanted:
        return right
    kept = [
        option for option in alternatives(left) if operators.truth(option.value) in (wanted, None)
    ]
    if isinstance(left, Unknown) and right_verdict is not None:
        return unknown(frame, node, left.reason, left)
    options = [*kept, Option(right, None)]
    return one_of(options, trace(frame, node, "compute"))


@handles(cst.Comparison)
def _comparison(machine: Machine, node: cst.Comparison, frame: Frame) -> Value:
    left = evaluate(machine, node.left, frame)
    first_unknown: Value | None = None
    result: Value = Const(True)
    for comparison in node.comparisons:
        right = evaluate(machine, comparison.comparator, frame)
        right = machine.environment.seen(right, key_of(left))
        result = comparisons.compare(comparison.operator, left, right, frame, node)
        verdict = operators.truth(result)
        if verdict is False:
            return result
        if verdict is None:
            first_unknown = first_unknown or result
        left = right
    return first_unknown or result
