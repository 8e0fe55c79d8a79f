"""Calls as they are written: their arguments, with ``*`` and ``**``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.evaluator import evaluate, handles
from qlint.readers.python.frames import Frame
from qlint.readers.python.iteration import elements
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.values import (
    Mapping,
    OneOf,
    Option,
    Ref,
    Value,
    as_dict,
    one_of,
)


@handles(cst.Call)
def _call(machine: Machine, node: cst.Call, frame: Frame) -> Value:
    callee = evaluate(machine, node.func, frame)
    arguments = evaluate_arguments(machine, node.args, frame)
    return call_value(machine, callee, arguments, node, frame)


def evaluate_arguments(machine: Machine, args: Any, frame: Frame) -> Arguments:
    """Evaluate the arguments of a call, with their ``*`` and ``**`` splats."""
    arguments = Arguments()
    for arg in args:
        value = evaluate(machine, arg.value, frame)
        if arg.star == "**":
            _splat(machine, arguments, value, arg, frame)
        elif arg.star == "*":
            inner = elements(machine, value)
            if inner is None:
                arguments.rest = unknown(frame, arg, "* of what is not known", value)
                arguments.rest_positional = True
            else:
                for element in inner:
                    arguments.nodes[len(arguments.positional)] = arg
                    arguments.positional.append(element)
        elif arg.keyword is not None:
            arguments.nodes[arg.keyword.value] = arg
            arguments.keywords[arg.keyword.value] = value
        else:
            arguments.nodes[len(arguments.positional)] = arg
            arguments.positional.append(value)
    return arguments


def _splat(
    machine: Machine, arguments: Arguments, value: Value, arg: cst.Arg, frame: Frame
) -> None:
    value = as_dict(machine.environment.as_dict(value))
    if isinstance(value, Ref) and isinstance(value.target, Mapping):
        for key, entry in value.target.entries():
            if isinstance(key, str) and key not in arguments.keywords:
                arguments.nodes[key] = arg
                arguments.keywords[key] = entry
        if value.target.slots.fallback is not None:
            arguments.fallbacks.append(value.target.slots.fallback)
        if value.target.rest is not None:
            arguments.rest = value.target.rest
    elif isinstance(value, OneOf):
        _splat_one_of(arguments, value, arg, frame)
    else:
        arguments.rest = unknown(frame, arg, "** of what is not known", value)


def _splat_one_of(arguments: Arguments, value: OneOf, arg: cst.Arg, frame: Frame) -> None:
    """Keys that every alternative sets become one of their values; the others are not known."""
    dicts = [
        option.value.target
        for option in value.options
        if isinstance(option.value, Ref) and isinstance(option.value.target, Mapping)
    ]
    if len(dicts) != len(value.options):
        arguments.rest = unknown(frame, arg, "** of what is not known", value)
        return
    keys: dict[Hashable, None] = {}
    for target in dicts:
        keys.update(dict.fromkeys(target.slots.data))
    for key in keys:
        options = [
            Option(found, option.condition)
            for option, target in zip(value.options, dicts, strict=True)
            if (found := target.slots.get(key)) is not None
        ]
        if not isinstance(key, str) or key in arguments.keywords:
            continue
        arguments.nodes[key] = arg
        if len(options) == len(dicts):
            arguments.keywords[key] = one_of(options)
        else:
            reason = f"{key} is given in some cases only"
            options.append(Option(unknown(frame, arg, reason), None))
            arguments.keywords[key] = one_of(options)
