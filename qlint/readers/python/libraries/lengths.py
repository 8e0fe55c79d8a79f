"""Lengths that the program's own code cuts or groups sequences to, told by their names."""

from __future__ import annotations

import re

import libcst as cst

from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.frames import Frame
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.values import Const, Value

_LENGTH = re.compile(
    r"^(?:model_)?(?:max|cutoff|context|sequence|seq|source_max|train_max|block|input)_?"
    r"(?:seq(?:uence)?|input|source|token|text|context|model)?_?(?:len(?:gth)?|size|tokens)$",
    re.I,
)
_BLOCK = re.compile(r"^(?:block|chunk|context|seq)_?(?:size|length|len)$", re.I)
_HOLDERS = ("Dataset", "Collator", "collator", "DataModule")


def name_of(node: cst.BaseExpression) -> str:
    """The last name of ``a.max_length``, ``max_length`` or ``args["max_length"]``; "" of others."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return node.attr.value
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        part = node.slice[0].slice
        if isinstance(part, cst.Index) and isinstance(part.value, cst.SimpleString):
            text = part.value.evaluated_value
            return text if isinstance(text, str) else ""
    return ""


def note_cut(machine: Machine, upper: cst.BaseExpression, value: Value, frame: Frame) -> None:
    """``ids[:max_length]`` cuts to a length; ``t[i : i + block_size]`` groups to one."""
    if _LENGTH.match(name_of(upper)):
        _emit(machine, "cut", value, upper, frame)
    elif isinstance(upper, cst.BinaryOperation) and _BLOCK.match(name_of(upper.right)):
        _emit(machine, "group", evaluate(machine, upper.right, frame), upper, frame)


def note_holder(machine: Machine, call: Call) -> None:
    """A data set or collator that is not followed is given the length it cuts to."""
    if not call.name.rsplit(".", 1)[-1].endswith(_HOLDERS):
        return
    for key, value in (*enumerate(call.arguments.positional), *call.arguments.keywords.items()):
        node = call.arguments.nodes.get(key)
        name = key if isinstance(key, str) else ""
        if isinstance(node, cst.Arg) and not name:
            name = name_of(node.value)
        if _LENGTH.match(str(name)):
            _emit(machine, "cut", value, call.node, call.frame)


def _emit(machine: Machine, kind: str, value: Value, node: cst.CSTNode, frame: Frame) -> None:
    if isinstance(value, Const) and (value.value is None or isinstance(value.value, bool)):
        return
    station = trace(frame, node, "pass", "sequences are cut to it", value.trace)
    machine.emit(kind, None, node, frame, value.traced(station))
