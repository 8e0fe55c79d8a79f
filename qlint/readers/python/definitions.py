"""Definitions: functions, classes and annotated names."""

from __future__ import annotations

from typing import Any

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.assignment import assign
from qlint.readers.python.calls import call_value
from qlint.readers.python.classes import finish_enum
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.expressions import defaults_of
from qlint.readers.python.flags import flagged_constant
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, Raised, code, trace
from qlint.readers.python.values import (
    Bound,
    ClassField,
    Function,
    Library,
    Partial,
    UserClass,
    Value,
    decorator_name,
)


def define_function(machine: Machine, node: cst.FunctionDef, frame: Frame) -> None:
    """``def``: bind the function, with its decorators kept for those who know them."""
    decorators = tuple(_decorator(machine, d.decorator, frame) for d in node.decorators)
    closure = frame
    if frame.owner is not None and frame.function is None and frame.parent is not None:
        closure = frame.parent  # The scope of a class body is not seen from its methods.
    function = Function(
        node,
        node.name.value,
        closure,
        defaults_of(machine, node.params, frame),
        decorators,
        frame.owner,
    )
    function.trace = trace(frame, node.name, "literal")
    bound: Value = function
    for decorator, written in zip(decorators[::-1], node.decorators[::-1], strict=True):
        bound = _decorated(machine, bound, decorator, written, frame)
    machine.journal.write(frame.home(node.name.value).slots, node.name.value, bound)
    if any(_is_cell(decorator) for decorator in decorators):
        _run_cell(machine, node, frame)


def _decorated(
    machine: Machine, value: Value, decorator: Value, node: cst.Decorator, frame: Frame
) -> Value:
    """A function after a decorator of the program; those of libraries are kept as names."""
    if decorator_name(decorator) in ("setter", "deleter") and isinstance(value, Function):
        before = frame.slots.data.get(value.name)
        if isinstance(before, Function):
            twin = before.traced(before.trace or trace(frame, node, "literal"))
            if isinstance(twin, Function) and decorator_name(decorator) == "setter":
                twin.setter = value
            return twin
    if isinstance(decorator, Function | Bound) and not machine.doubts:
        wrapped = call_value(machine, decorator, Arguments([value]), node, frame)
        if isinstance(wrapped, Function):
            return wrapped
    return value


def _is_cell(decorator: Value) -> bool:
    callee = decorator.callee if isinstance(decorator, Partial) else decorator
    return isinstance(callee, Library) and callee.name == "marimo.App.cell"


def _run_cell(machine: Machine, node: cst.FunctionDef, frame: Frame) -> None:
    """The cells of a marimo notebook share their names and run one after the other."""
    from qlint.readers.python.blocks import run_block

    machine.called.add(id(node))
    try:
        run_block(machine, node.body, frame)
    except Raised as raised:
        machine.assume(f"the check before '{raised.reason}' passes")


def _decorator(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """A decorator as a value; a call of a library's stays readable as its name and arguments."""
    from qlint.readers.python.libraries import decorator_value

    if isinstance(node, cst.Call):
        callee = evaluate(machine, node.func, frame)
        if isinstance(callee, Function):
            return evaluate(machine, node, frame)
    return decorator_value(machine, node, frame)


def define_class(machine: Machine, node: cst.ClassDef, frame: Frame) -> None:
    """``class``: run its body in a scope of its own and keep what it defines."""
    bases = tuple(evaluate(machine, base.value, frame) for base in node.bases if base.star == "")
    cls = UserClass(node.name.value, node, bases, frame)
    cls.trace = trace(frame, node.name, "literal")
    cls.decorators = tuple(_decorator(machine, d.decorator, frame) for d in node.decorators)
    body = Frame(frame.file, frame, None, cls)
    from qlint.readers.python.blocks import run_block

    run_block(machine, node.body, body)
    cls.slots.data.update(body.slots.data)
    finish_enum(cls)
    machine.journal.write(frame.home(cls.name).slots, cls.name, cls)


def annotated(machine: Machine, node: cst.AnnAssign, frame: Frame) -> None:
    """``name: type = value``; in a class body it is a field as well."""
    value = evaluate(machine, node.value, frame) if node.value is not None else None
    if value is not None:
        value = flagged_constant(machine, node, value, frame)
        assign(machine, node.target, value, frame)
    if frame.owner is None or frame.function is not None or not isinstance(node.target, cst.Name):
        return
    annotation = code(frame.file, node.annotation.annotation, 200)
    if annotation.startswith(("ClassVar", "typing.ClassVar")):
        return
    name = node.target.value
    field_node: Any = node.value if node.value is not None else node.target
    if value is not None:
        station = trace(
            frame, field_node, "pass", f"default of field {name} of {frame.owner.name}", value.trace
        )
        value = value.traced(station)
    frame.owner.fields[name] = ClassField(name, annotation, value, field_node)
