"""Iterating helpers of Python: ``zip``, ``enumerate``, ``itertools``, ``functools.reduce``."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from qlint.readers.python import subscripts
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.iteration import MAX_ELEMENTS, elements
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import Const, Ref, Sequence, Unknown, Value


def _columns(machine: Machine, call: Call) -> list[list[Value]] | Unknown:
    """The elements of each positional argument, or why one of them is not known."""
    columns = [elements(machine, value) for value in call.arguments.positional]
    known = [column for column in columns if column is not None]
    if len(known) != len(columns) or call.arguments.rest is not None:
        reason = "a loop over what is not known"
        return unknown(call.frame, call.node, reason, *call.arguments.every())
    return known


def _listed(call: Call, values: list[Value]) -> Value:
    before = (value.trace for value in call.arguments.positional)
    return Ref(Sequence(tuple(values)), trace(call.frame, call.node, "compute", None, *before))


def _row(values: tuple[Value, ...]) -> Value:
    return Ref(Sequence(values, "tuple"))


@function("builtins.zip", "itertools.zip_longest")
def zipped(machine: Machine, call: Call) -> Value:
    """``zip(a, b)`` over known elements."""
    columns = _columns(machine, call)
    if isinstance(columns, Unknown):
        return columns
    if call.name.endswith("zip_longest"):
        filler = call.arguments.keywords.get("fillvalue", Const(None))
        return _listed(call, [_row(r) for r in itertools.zip_longest(*columns, fillvalue=filler)])
    return _listed(call, [_row(row) for row in zip(*columns, strict=False)])


@function("builtins.enumerate")
def numbered(machine: Machine, call: Call) -> Value:
    """``enumerate(a, start=1)`` over known elements."""
    value = call.arguments.get("iterable", 0) or Const(None)
    start = call.arguments.get("start", 1) or Const(0)
    inner = elements(machine, value)
    if inner is None or not isinstance(start, Const) or not isinstance(start.value, int):
        reason = "a loop over what is not known"
        return unknown(call.frame, call.node, reason, *call.arguments.every())
    rows = [_row((Const(number), part)) for number, part in enumerate(inner, start.value)]
    return _listed(call, rows)


@function("itertools.chain", "itertools.chain.from_iterable")
def chained(machine: Machine, call: Call) -> Value:
    """``chain(a, b)``: one list after the other."""
    columns = _columns(machine, call)
    if not isinstance(columns, Unknown) and call.name.endswith("from_iterable"):
        inner = [elements(machine, value) for column in columns for value in column]
        known = [column for column in inner if column is not None]
        if len(known) != len(inner):
            return unknown(call.frame, call.node, "a loop over what is not known")
        columns = known
    if isinstance(columns, Unknown):
        return columns
    return _listed(call, [value for column in columns for value in column])


@function("itertools.product", "itertools.combinations", "itertools.permutations")
def product(machine: Machine, call: Call) -> Value:
    """``product(ranks, rates)``: the grid of a sweep."""
    name = call.name.rsplit(".", 1)[-1]
    if name == "product" and not call.arguments.keywords:
        columns = _columns(machine, call)
        if isinstance(columns, Unknown):
            return columns
        rows: Iterable[tuple[Value, ...]] = itertools.product(*columns)
    else:
        inner = elements(machine, call.arguments.get("iterable", 0) or Const(None))
        size = call.arguments.get("r", 1)
        if inner is None or not isinstance(size, Const) or name == "product":
            return unknown(call.frame, call.node, f"{name}() of what is not known")
        if not isinstance(size.value, int) or size.value < 0:
            return unknown(call.frame, call.node, f"{name}() of what is not known")
        pick = itertools.combinations if name == "combinations" else itertools.permutations
        rows = pick(inner, size.value)
    found = list(itertools.islice(rows, MAX_ELEMENTS + 1))
    if len(found) > MAX_ELEMENTS:
        return unknown(call.frame, call.node, "more combinations than are followed")
    return _listed(call, [_row(row) for row in found])


@function("functools.reduce")
def reduced(machine: Machine, call: Call) -> Value:
    """``reduce(f, values, initial)``."""
    given = call.arguments.positional
    inner = elements(machine, given[1]) if len(given) > 1 else None
    if inner is None:
        return unknown(call.frame, call.node, "reduce() of what is not known", *given)
    values = [*given[2:3], *inner]
    if not values:
        return unknown(call.frame, call.node, "reduce() of nothing")
    result = values[0]
    for value in values[1:]:
        result = call_value(machine, given[0], Arguments([result, value]), call.node, call.frame)
    return result


@function("builtins.slice", "itertools.islice")
def sliced(machine: Machine, call: Call) -> Value:
    """``islice(values, n)`` of known elements."""
    given = call.arguments.positional
    inner = elements(machine, given[0]) if given and call.name.endswith("islice") else None
    if inner is None or not all(isinstance(value, Const) for value in given[1:]):
        return unknown(call.frame, call.node, "a slice of what is not known", *given)
    bounds = given[1:] if len(given) > 2 else [Const(None), *given[1:]]
    bounds = [*bounds, Const(None)][:3]
    return subscripts.slice_of(_listed(call, inner), bounds, call.frame, call.node)
