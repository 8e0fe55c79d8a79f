"""Dataclasses filled from argv: tyro, draccus, pyrallis, simple_parsing, chz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.classes import instantiate, is_record
from qlint.readers.python.evaluator import evaluate
from qlint.readers.python.libraries.field_options import add_short_flags, record_options
from qlint.readers.python.libraries.mirror import given_by, mirror
from qlint.readers.python.libraries.options import Option, Refused, values_of, with_switches
from qlint.readers.python.libraries.parameter_options import reader_of, run_component
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, unknown
from qlint.readers.python.values import (
    Const,
    Function,
    Ref,
    UserClass,
    Value,
    decorator_root,
)


def annotated_record(machine: Machine, target: Function, call: Call) -> Arguments | None:
    """``@draccus.wrap() def main(cfg: TrainConfig)``."""
    params = target.node.params.params
    if not params or params[0].annotation is None:
        return None
    kind = evaluate(machine, params[0].annotation.annotation, target.closure)
    if not isinstance(kind, UserClass):
        return None
    root = next(root for one in target.decorators if (root := decorator_root(one)))
    return Arguments([_record(machine, kind, call, root)])


@function("tyro.cli", "simple_parsing.parse", "draccus.parse", "pyrallis.parse", "chz.entrypoint",
          "chz.nested_entrypoint", "tyro.extras.overridable_config_cli")  # fmt: skip
def tyro(machine: Machine, call: Call) -> Value:
    """``tyro.cli(TrainConfig)``: the dataclass with its defaults, or the function called."""
    target = call.arguments.get("f", 0) or call.arguments.get("config_class", 0)
    default = call.arguments.get("default")
    if isinstance(target, UserClass):
        return _record(machine, target, call, reader_of(call)) if default is None else default
    if isinstance(target, Function):
        return run_component(machine, target, call)
    return unknown(call.frame, call.node, f"the result of {call.name}()")


def _record(machine: Machine, kind: UserClass, call: Call, reader: str) -> Value:
    """A dataclass from argv: fields are options, those of nested dataclasses behind a dot."""
    machine.assume_argv()
    if not is_record(kind):
        return instantiate(machine, kind, Arguments(), call.node, call.frame)
    options = record_options(machine, kind)
    if reader == "simple_parsing":
        add_short_flags(options, set())
    for option in options:
        option.reader = reader
    try:
        raw, _ = given_by(machine, mirror(options), machine.argv)
        return filled_record(machine, kind, options, raw, call)
    except Refused as problem:
        machine.assume(f"argv is refused by the script's parser: {problem}")
        return filled_record(machine, kind, options, {}, call)


def filled_record(
    machine: Machine,
    kind: UserClass,
    options: Sequence[Option],
    raw: Mapping[str, Any],
    call: Call,
) -> Value:
    """A dataclass with what argv gives to the options of its fields. May raise Refused."""
    values = values_of(machine, [one for one in options if one.dest in raw], raw, call)
    off = {
        option.dest: option.default
        for option in reversed(options)
        if option.dest not in values
        and isinstance(option.default, Const)
        and option.default.value is False
    }
    values.update(with_switches(machine, options, {k: v for k, v in off.items() if v is not None}))
    own = {name: value for name, value in values.items() if "." not in name}
    made = instantiate(machine, kind, Arguments([], own), call.node, call.frame)
    for name, value in values.items():
        _set_nested(machine, made, name.split("."), value)
    return made


def _set_nested(machine: Machine, holder: Value | None, path: list[str], value: Value) -> None:
    """``--lora.r 8`` sets ``config.lora.r``."""
    for part in path[:-1]:
        if not isinstance(holder, Ref):
            return
        holder = holder.target.slots.get(part)
    if len(path) > 1 and isinstance(holder, Ref):
        machine.journal.write(holder.target.slots, path[-1], value)
