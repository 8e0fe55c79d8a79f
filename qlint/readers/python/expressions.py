"""Names, attributes, subscripts, lambdas; the other expressions have modules of their own."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python import (  # noqa: F401 - they register what they evaluate
    call_arguments,
    choices,
    comparisons,
    comprehensions,
    displays,
    literals,
    operations,
    operators,
    subscripts,
)
from qlint.readers.python.attributes import get_attribute
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.names import lookup
from qlint.readers.python.values import (
    Const,
    Function,
    Value,
)


@handles(cst.Name)
def _name(machine: Machine, node: cst.Name, frame: Frame) -> Value:
    return lookup(machine, node, frame)


@handles(cst.Attribute)
def _attribute(machine: Machine, node: cst.Attribute, frame: Frame) -> Value:
    value = evaluate(machine, node.value, frame)
    return get_attribute(machine, value, node.attr.value, node, frame)


@handles(cst.Subscript)
def _subscript(machine: Machine, node: cst.Subscript, frame: Frame) -> Value:
    from qlint.readers.python.libraries import note_cut

    value = evaluate(machine, node.value, frame)
    if len(node.slice) != 1:
        for element in node.slice:
            if isinstance(element.slice, cst.Index):
                evaluate(machine, element.slice.value, frame)
            elif isinstance(element.slice, cst.Slice) and element.slice.upper is not None:
                bound = evaluate(machine, element.slice.upper, frame)
                note_cut(machine, element.slice.upper, bound, frame)
        return unknown(frame, node, "a subscript of several indices", value)
    part = node.slice[0].slice
    if isinstance(part, cst.Slice):
        bounds = [
            Const(None) if bound is None else evaluate(machine, bound, frame)
            for bound in (part.lower, part.upper, part.step)
        ]
        if part.upper is not None:
            note_cut(machine, part.upper, bounds[1], frame)
        return subscripts.slice_of(value, bounds, frame, node)
    assert isinstance(part, cst.Index)
    index = evaluate(machine, part.value, frame)
    return subscripts.item(machine, value, index, frame, node)


@handles(cst.Lambda)
def _lambda(machine: Machine, node: cst.Lambda, frame: Frame) -> Value:
    function = Function(node, "<lambda>", frame, defaults_of(machine, node.params, frame))
    return function.traced(trace(frame, node, "literal"))


def defaults_of(machine: Machine, params: cst.Parameters, frame: Frame) -> dict[str, Value]:
    """The defaults of parameters, evaluated where the function is defined."""
    defaults: dict[str, Value] = {}
    for param in (*params.posonly_params, *params.params, *params.kwonly_params):
        if param.default is not None:
            value = evaluate(machine, param.default, frame)
            station = trace(
                frame,
                param.default,
                "pass",
                f"default of parameter {param.name.value}",
                value.trace,
            )
            defaults[param.name.value] = value.traced(station)
    return defaults


@handles(cst.NamedExpr)
def _named(machine: Machine, node: cst.NamedExpr, frame: Frame) -> Value:
    from qlint.readers.python.assignment import assign

    value = evaluate(machine, node.value, frame)
    home = frame
    while home.comprehension and home.parent is not None:
        home = home.parent  # It outlives the comprehension that it stands in.
    assign(machine, node.target, value, home)
    return value


@handles(cst.Ellipsis)
def _ellipsis(machine: Machine, node: cst.Ellipsis, frame: Frame) -> Value:
    return Const(..., trace(frame, node, "literal"))


@handles(cst.Await)
def _await(machine: Machine, node: cst.Await, frame: Frame) -> Value:
    return evaluate(machine, node.expression, frame)


@handles(cst.Yield)
def _yield(machine: Machine, node: cst.Yield, frame: Frame) -> Value:
    if frame.yields is None:
        frame.yields = []
    if isinstance(node.value, cst.From):
        several = evaluate(machine, node.value.item, frame)
        inner = elements(machine, several)
        yielded: list[Value]
        yielded = (
            list(inner) if inner is not None else [unknown(frame, node, "what it yields", several)]
        )
    elif node.value is not None:
        yielded = [evaluate(machine, node.value, frame)]
    else:
        yielded = [Const(None)]
    if machine.doubts > frame.doubts:
        yielded = [unknown(frame, node, "what is yielded in some cases only", *yielded)]
    frame.yields.extend(yielded)
    return unknown(frame, node, "what is sent to a generator")
