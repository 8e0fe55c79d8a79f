"""Functions that are started in processes of their own: by launchers, by spawning."""

from __future__ import annotations

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.iteration import elements
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.source import Trace
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Partial,
    Ref,
    Value,
)
from qlint.readers.python.world import FIRST_PROCESS, ONE_PROCESS, is_alone

_RANKED = ("multiprocessing.spawn", "multiprocessing.start_processes")
_COUNTS = {"notebook_launcher": "num_processes", "debug_launcher": "num_processes",
           "spawn": "nprocs", "start_processes": "nprocs"}  # fmt: skip


@function(
    "accelerate.notebook_launcher",
    "absl.app.run",
    "torch.multiprocessing.spawn",
    "torch.multiprocessing.start_processes",
    "accelerate.debug_launcher",
    "asyncio.run",
)
def launch(machine: Machine, call: Call) -> Value:
    """Launchers that call the function they are given, some in several processes."""
    target = call.arguments.get("function", 0) or call.arguments.get("fn", 0)
    given = call.arguments.get("args", 1)
    inner = elements(machine, given) if given is not None else []
    if not isinstance(target, Function | Bound | Partial):
        return target or Const(None)
    positional = list(inner or [])
    before = machine.world
    machine.world = _processes(call) or before
    if call.name.endswith(_RANKED):
        positional.insert(0, _first(machine, call))
    elif machine.world is not before and machine.world is not None:
        world = machine.world
        text = Const(str(world.value), world.trace) if isinstance(world, Const) else world
        machine.environment["WORLD_SIZE"] = text
    try:
        return call_value(machine, target, Arguments(positional), call.node, call.frame)
    finally:
        machine.world = before


def _processes(call: Call) -> Value | None:
    """The number of processes that a launcher is told to start; None where it is not told."""
    name = _COUNTS.get(call.name.rsplit(".", 1)[-1])
    if name is None:
        return None
    count = call.bind("fn" if name == "nprocs" else "function", "args", name).get(name)
    return None if isinstance(count, Const) and count.value is None else count


def _first(machine: Machine, call: Call) -> Value:
    """The number of the process that is read, which comes first among the arguments."""
    machine.assume(ONE_PROCESS if is_alone(machine) else FIRST_PROCESS)
    return Const(0, Trace("literal", call.frame.file, call.node, "rank of the first process"))


@function("torch.multiprocessing.Process", "multiprocessing.Process", "threading.Thread")
def process(machine: Machine, call: Call) -> Value:
    """``Process(target=train, args=(...))`` runs its target once it is started."""
    target = call.arguments.get("target")
    given = call.arguments.get("args")
    keywords = call.arguments.get("kwargs")
    arguments = Arguments(list(elements(machine, given) or []) if given is not None else [])
    if isinstance(keywords, Ref):
        arguments.keywords.update(
            {k: v for k, v in keywords.target.slots.data.items() if isinstance(k, str)}
        )
    if isinstance(target, Function | Bound):
        call_value(machine, target, arguments, call.node, call.frame)
    return Ref(Instance("object", call.name), trace(call.frame, call.node, "literal"))
