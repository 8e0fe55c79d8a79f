"""Lists, tuples, sets and dicts as they are written."""

from __future__ import annotations

from typing import Any

import libcst as cst

from qlint.readers.python import operators
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.keys import key_of
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Mapping,
    PartlyKnown,
    Ref,
    Sequence,
    Unknown,
    Value,
)


@handles(cst.List, cst.Tuple, cst.Set)
def _sequence(machine: Machine, node: Any, frame: Frame) -> Value:
    kind = type(node).__name__.lower()
    values: list[Value] = []
    lost: Unknown | None = None
    for element in node.elements:
        value = evaluate(machine, element.value, frame)
        if isinstance(element, cst.StarredElement):
            inner = elements(machine, value)
            if inner is None:
                piece = unknown(frame, node, "a starred value that is not known", value)
                values.append(piece)
                lost = lost or piece
            else:
                values.extend(inner)
        else:
            values.append(value)
    made = Sequence(operators.distinct(tuple(values)) if kind == "set" else tuple(values), kind)
    if lost is not None:
        made.slots.data["items"] = PartlyKnown(lost, tuple(values))
    return Ref(made, trace(frame, node, "literal"))


@handles(cst.Dict)
def _dict(machine: Machine, node: cst.Dict, frame: Frame) -> Value:
    target = Mapping()
    for element in node.elements:
        value = evaluate(machine, element.value, frame)
        if isinstance(element, cst.StarredDictElement):
            operators.merge(machine, target, machine.environment.as_dict(value))
            continue
        assert isinstance(element, cst.DictElement)
        key = key_of(evaluate(machine, element.key, frame))
        if key is None:
            target.meta.data["rest"] = unknown(frame, element.key, "a key that is not known")
        else:
            machine.journal.write(target.slots, key, value)
    return Ref(target, trace(frame, node, "literal"))
