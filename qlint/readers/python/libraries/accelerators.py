"""accelerate's ``Accelerator``."""

from __future__ import annotations

from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.values import (
    Const,
    Instance,
    Ref,
    Sequence,
    Value,
)
from qlint.readers.python.world import rank, world_size


@method("accelerator", "prepare")
def prepare(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value:
    """``accelerator.prepare(a, b)`` hands back what it was given."""
    given = call.arguments.positional
    for value in given:
        if isinstance(value, Ref) and isinstance(value.target, Instance):
            machine.journal.write(value.target.slots, "accelerator", receiver)
    if len(given) == 1:
        return given[0]
    return Ref(Sequence(tuple(given), "tuple"), receiver.trace)


@method("accelerator", "prepare_model", "unwrap_model", "prepare_optimizer", "prepare_data_loader",
        "prepare_scheduler")  # fmt: skip
def prepare_one(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value | None:
    """These hand back their first argument."""
    return call.arguments.positional[0] if call.arguments.positional else None


@method("accelerator", "clip_grad_norm_")
def clip(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value | None:
    """``accelerator.clip_grad_norm_(parameters, max_norm)``."""
    bound = call.bind("parameters", "max_norm")
    if "max_norm" in bound:
        machine.emit("clip", None, call.node, call.frame, bound["max_norm"])
    return None


@method("accelerator", ".num_processes")
def processes(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value:
    """How many processes run the script."""
    return world_size(machine, call.node, call.frame)


@method("accelerator", ".process_index", ".local_process_index")
def process(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value:
    """Which of them is read."""
    return rank(machine, call.node, call.frame, local="local" in call.name)


@method("accelerator", ".is_main_process", ".is_local_main_process", ".sync_gradients")
def main_process(machine: Machine, receiver: Ref, accelerator: Instance, call: Call) -> Value:
    """The process that is read is the main one; gradients are synchronised in the end."""
    return Const(True, trace(call.frame, call.node, "compute"))


@function("accelerate.PartialState", "accelerate.state.PartialState", "accelerate.AcceleratorState",
          "accelerate.state.AcceleratorState")  # fmt: skip
def state(machine: Machine, call: Call) -> Value:
    """The state knows of the processes what an Accelerator knows."""
    return Ref(Instance("accelerator", call.name), trace(call.frame, call.node, "literal"))
