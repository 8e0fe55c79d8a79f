"""Lightning's Fabric: a hand-written loop with a launcher and a precision."""

from __future__ import annotations

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.libraries.registry import Call, method
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Partial,
    Ref,
    Sequence,
    Value,
)
from qlint.readers.python.world import rank, world_size


@method("fabric", "setup", "setup_dataloaders", "setup_optimizers", "setup_module")
def setup(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value | None:
    """``fabric.setup(model, optimizer)`` hands back what it was given."""
    given = call.arguments.positional or list(call.arguments.keywords.values())
    for value in given:
        if isinstance(value, Ref) and isinstance(value.target, Instance):
            machine.journal.write(value.target.slots, "fabric", receiver)
    if not given:
        return None
    return given[0] if len(given) == 1 else Ref(Sequence(tuple(given), "tuple"), receiver.trace)


@method("fabric", "launch")
def launch(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value:
    """``fabric.launch(main, ...)`` calls the function with the fabric first."""
    positional = call.arguments.positional
    if positional and isinstance(positional[0], Function | Bound | Partial):
        given = Arguments([receiver, *positional[1:]], call.arguments.keywords)
        return call_value(machine, positional[0], given, call.node, call.frame)
    return Const(None)


@method("fabric", "clip_gradients")
def clip(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value:
    """``fabric.clip_gradients(model, optimizer, max_norm=1.0)``."""
    bound = call.bind("module", "optimizer", "clip_val", "max_norm")
    if "max_norm" in bound:
        machine.emit("clip", None, call.node, call.frame, bound["max_norm"])
    return Const(None)


@method("fabric", ".world_size")
def processes(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value:
    """How many processes run the script."""
    return world_size(machine, call.node, call.frame)


@method("fabric", ".global_rank", ".local_rank", ".node_rank")
def process(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value:
    """Which of them is read."""
    return rank(machine, call.node, call.frame, local="local" in call.name)


@method("fabric", ".is_global_zero")
def main_process(machine: Machine, receiver: Ref, fabric: Instance, call: Call) -> Value:
    """The process that is read is the main one."""
    return Const(True, trace(call.frame, call.node, "compute"))
