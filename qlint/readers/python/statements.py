"""Running statements: taken branches only, both sides where a condition is not known."""

from __future__ import annotations

from typing import Any

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.assignment import assign, delete
from qlint.readers.python.blocks import run_block, statement
from qlint.readers.python.choices import conditions_of, decided, decision
from qlint.readers.python.containers import extend_in_place
from qlint.readers.python.definitions import annotated, define_class, define_function
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.flags import consult, flagged_constant
from qlint.readers.python.frames import Frame
from qlint.readers.python.imports import import_from, import_modules
from qlint.readers.python.machine import Machine, Raised, code, trace, unknown
from qlint.readers.python.values import Const, Ref, Value
from qlint.readers.python.ways import Ended, Leave, Return, Runner, branch


@statement(cst.Expr)
def _expression(machine: Machine, node: cst.Expr, frame: Frame) -> Ended:
    evaluate(machine, node.value, frame)
    return None


@statement(cst.Assign)
def _assign(machine: Machine, node: cst.Assign, frame: Frame) -> Ended:
    value = evaluate(machine, node.value, frame)
    value = flagged_constant(machine, node, value, frame)
    for target in node.targets:
        assign(machine, target.target, value, frame)
    return None


@statement(cst.AnnAssign)
def _annotated(machine: Machine, node: cst.AnnAssign, frame: Frame) -> Ended:
    annotated(machine, node, frame)
    return None


@statement(cst.AugAssign)
def _augmented(machine: Machine, node: cst.AugAssign, frame: Frame) -> Ended:
    target = node.target
    before = evaluate(machine, target, frame)
    after = evaluate(machine, node.value, frame)
    sign = _AUGMENTED.get(type(node.operator))
    if sign == "/" and machine.loops and isinstance(target, cst.BaseExpression):
        from qlint.readers.python.libraries import note_scaled

        note_scaled(machine, target, after, frame)
    if isinstance(before, Ref) and sign in ("+", "|") and extend_in_place(machine, before, after):
        return None
    if machine.loops and not _bounded(machine):
        value: Value = unknown(frame, node, "a value that changes in a loop", before)
    elif sign is None:
        value = unknown(frame, node, "an operator that is not evaluated", before)
    else:
        value = operators.binary(sign, before, after, frame, node)
    assign(machine, target, value, frame)
    return None


def _bounded(machine: Machine) -> bool:
    """True when every open loop is run over elements that are all known."""
    return all(state.bounded for state in machine.loops)


_AUGMENTED: dict[type[cst.BaseAugOp], str] = {
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//",
    cst.ModuloAssign: "%",
    cst.PowerAssign: "**",
    cst.BitOrAssign: "|",
    cst.BitAndAssign: "&",
}


@statement(cst.Return)
def _return(machine: Machine, node: cst.Return, frame: Frame) -> Ended:
    if node.value is None:
        return Return(Const(None, trace(frame, node, "literal")))
    return Return(evaluate(machine, node.value, frame))


@statement(cst.Break)
def _break(machine: Machine, node: cst.Break, frame: Frame) -> Ended:
    return Leave(True)


@statement(cst.Continue)
def _continue(machine: Machine, node: cst.Continue, frame: Frame) -> Ended:
    return Leave(False)


@statement(cst.Raise)
def _raise(machine: Machine, node: cst.Raise, frame: Frame) -> Ended:
    if node.exc is not None:
        evaluate(machine, node.exc, frame)  # raise SystemExit(main()) runs main().
    raise Raised(f"raises at {code(frame.file, node)}", _error_name(node))


def _error_name(node: cst.Raise) -> str | None:
    kind = node.exc.func if isinstance(node.exc, cst.Call) else node.exc
    return kind.value if isinstance(kind, cst.Name) and kind.value.endswith("Error") else None


@statement(cst.Global)
def _global(machine: Machine, node: cst.Global, frame: Frame) -> Ended:
    for item in node.names:
        frame.outer_names[item.name.value] = frame.globals
    return None


@statement(cst.Nonlocal)
def _nonlocal(machine: Machine, node: cst.Nonlocal, frame: Frame) -> Ended:
    for item in node.names:
        outer = frame.parent
        while outer is not None and item.name.value not in outer.slots.data:
            outer = outer.parent
        if outer is not None:
            frame.outer_names[item.name.value] = outer
    return None


@statement(cst.Import)
def _import(machine: Machine, node: cst.Import, frame: Frame) -> Ended:
    import_modules(machine, node, frame)
    return None


@statement(cst.ImportFrom)
def _import_from(machine: Machine, node: cst.ImportFrom, frame: Frame) -> Ended:
    import_from(machine, node, frame)
    return None


@statement(cst.Del)
def _delete(machine: Machine, node: cst.Del, frame: Frame) -> Ended:
    delete(machine, node.target, frame)
    return None


@statement(cst.If)
def _if(machine: Machine, node: cst.If, frame: Frame) -> Ended:
    test = evaluate(machine, node.test, frame)
    verdict = operators.truth(test)
    consult(machine, test)

    def other() -> Ended:
        if isinstance(node.orelse, cst.If):
            return _if(machine, node.orelse, frame)
        return run_block(machine, node.orelse.body, frame) if node.orelse is not None else None

    def body() -> Ended:
        return run_block(machine, node.body, frame)

    if verdict is not None:
        return _taken(machine, body if verdict else other, node, frame)
    condition, otherwise = conditions_of(test, node.test, frame)
    fact = decided(machine, condition)
    if fact is not None:
        return body() if fact else other()
    divisor = _divisor(machine, node.test, frame)

    def guarded() -> Ended:
        if divisor is None:
            return body()
        machine.moduli.append(divisor)
        try:
            return body()
        finally:
            machine.moduli.pop()

    station = decision(test, condition, node.test, frame)
    return branch(machine, [(condition, guarded), (otherwise, other)], station)


def _divisor(machine: Machine, test: Any, frame: Frame) -> Value | None:
    """The ``n`` of a condition on ``step % n``."""
    parts = [test]
    while parts:
        node = parts.pop()
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
            return evaluate(machine, node.right, frame)
        if isinstance(node, cst.BooleanOperation | cst.BinaryOperation):
            parts.extend((node.left, node.right))
        elif isinstance(node, cst.Comparison):
            parts.append(node.left)
        elif isinstance(node, cst.UnaryOperation):
            parts.append(node.expression)
    return None


def _taken(machine: Machine, run: Runner, node: cst.If, frame: Frame) -> Ended:
    """A branch that is taken. One that ends in an error is a check: the run that matters passes."""
    machine.journal.begin()
    try:
        signal = run()
    except Raised as raised:
        if machine.guards and machine.guards[-1].frame is frame:
            machine.journal.keep()
            raise  # It is caught right here.
        machine.journal.take_back()
        machine.assume(f"the check before '{raised.reason}' passes")
        return None
    except BaseException:
        machine.journal.take_back()
        raise
    machine.journal.keep()
    return signal


@statement(cst.FunctionDef)
def _function(machine: Machine, node: cst.FunctionDef, frame: Frame) -> Ended:
    define_function(machine, node, frame)
    return None


@statement(cst.ClassDef)
def _class(machine: Machine, node: cst.ClassDef, frame: Frame) -> Ended:
    define_class(machine, node, frame)
    return None


@statement(cst.Assert)
def _assert(machine: Machine, node: cst.Assert, frame: Frame) -> Ended:
    evaluate(machine, node.test, frame)
    return None
