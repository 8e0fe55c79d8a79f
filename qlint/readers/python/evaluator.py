"""Evaluating an expression: each kind of node has a function that is registered for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import libcst as cst

from qlint.readers.python.conditions import narrowed
from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.values import OneOf, Value

Handler: TypeAlias = Callable[[Machine, Any, Frame], Value]

_HANDLERS: dict[type[cst.CSTNode], Handler] = {}


def handles(*kinds: type[cst.CSTNode]) -> Callable[[Handler], Handler]:
    """Register the function that evaluates these kinds of nodes."""

    def register(handler: Handler) -> Handler:
        for kind in kinds:
            _HANDLERS[kind] = handler
        return handler

    return register


def evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """The value of an expression. Never raises for what the program does wrong."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return unknown(frame, node, f"{type(node).__name__} is not evaluated")
    value = handler(machine, node, frame)
    if machine.facts and isinstance(value, OneOf):
        return narrowed(value, machine.facts)
    return value
