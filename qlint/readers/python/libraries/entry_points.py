"""Functions that decorators turn into commands: click, typer, fastcore, hydra, draccus."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.frames import Frame
from qlint.readers.python.libraries.click_options import click_arguments, is_click
from qlint.readers.python.libraries.layered import hydra_configuration
from qlint.readers.python.libraries.parameter_options import own_defaults
from qlint.readers.python.libraries.record_commands import annotated_record
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.machine import Machine
from qlint.readers.python.values import (
    Function,
    Partial,
    decorator_name,
    decorator_root,
    known_text,
)

_PLAIN_COMMANDS = frozenset({"call_parse", "local_entrypoint"})


def is_command(target: Function) -> bool:
    """True for a function that a decorator turns into a command of the command line."""
    for decorator in target.decorators:
        name, root = decorator_name(decorator), decorator_root(decorator)
        if name in _PLAIN_COMMANDS or name == "command":
            return True
        if name == "main" and root == "hydra":
            return True
        if name == "wrap" and root in ("draccus", "pyrallis"):
            return True
    return False


def command_name(target: Function) -> str:
    """The name of a command: the one its decorator gives, else the function's with dashes."""
    for decorator in target.decorators:
        if decorator_name(decorator) == "command" and isinstance(decorator, Partial):
            given = known_text(decorator.arguments.get("name", 0))
            if given is not None:
                return given
    return target.name.replace("_", "-")


def from_decorators(
    machine: Machine, target: Function, node: cst.CSTNode, frame: Frame
) -> Arguments | None:
    """Arguments that command-line decorators pass to a function, or None without any."""
    call = Call(target.name, Arguments(), node, target.closure)
    names = [decorator_name(decorator) for decorator in target.decorators]
    if any(is_click(decorator) for decorator in target.decorators):
        return click_arguments(machine, target, call)
    if any(name in _PLAIN_COMMANDS or name in ("command", "callback") for name in names):
        roots = [root for one in target.decorators if (root := decorator_root(one))]
        return own_defaults(machine, target, call, roots[0])
    for decorator, name in zip(target.decorators, names, strict=True):
        if name == "main" and decorator_root(decorator) == "hydra":
            given = decorator.arguments if isinstance(decorator, Partial) else Arguments()
            return Arguments([hydra_configuration(machine, given, call)])
        if name == "wrap" and decorator_root(decorator) in ("draccus", "pyrallis"):
            return annotated_record(machine, target, call)
    return None
