"""What stands around the script: environment variables, the card, other processes, modules."""

from __future__ import annotations

from qlint.readers.python import containers, operators
from qlint.readers.python.imports import load
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Library,
    Mapping,
    Ref,
    Unknown,
    Value,
    known_text,
)
from qlint.readers.python.world import ONE_PROCESS, is_alone, rank, world_size


@function("os.environ.get", "os.getenv", "environ.get")
def environment(machine: Machine, call: Call) -> Value:
    """A variable that is given or was set, else the default."""
    name = known_text(call.arguments.get("key", 0))
    if name is None:
        return unknown(call.frame, call.node, "an environment variable whose name is not known")
    written = machine.environment.get(name)
    default = call.arguments.get("default", 1)
    if default is None:
        default = Const(None, trace(call.frame, call.node, "literal"))
    else:
        via = f"default of environment variable {name}"
        default = default.traced(trace(call.frame, call.node, "pass", via, default.trace))
    if written is None:
        return default
    via = f"environment variable {name}"
    written = written.traced(trace(call.frame, call.node, "pass", via, written.trace))
    return containers.present(written, default)


@function("os.environ.setdefault", "os.putenv")
def set_environment(machine: Machine, call: Call) -> Value:
    """The script sets a variable itself."""
    name = known_text(call.arguments.get("key", 0))
    value = call.arguments.get("value", 1)
    if name is None or value is None:
        return Const(None)
    before = None if call.name.endswith("putenv") else machine.environment.get(name)
    if before is not None:
        value = containers.present(before, value)
    machine.environment[name] = value
    return value


@function("os.environ.update")
def update_environment(machine: Machine, call: Call) -> Value:
    """The script sets several variables."""
    given = Mapping()
    for value in call.arguments.positional:
        operators.merge(machine, given, value)
    given.slots.data.update(call.arguments.keywords)
    for name, value in given.entries():
        machine.environment[str(name)] = value
    return Const(None)


@function("os.environ.copy")
def copy_environment(machine: Machine, call: Call) -> Value:
    """``os.environ.copy()``: the variables that are known, as a dict of its own."""
    copy = Mapping()
    copy.slots.data.update(dict(machine.environment.holder.entries()))
    return Ref(copy, trace(call.frame, call.node, "literal"))


@function("os.environ.pop", "os.unsetenv")
def unset_environment(machine: Machine, call: Call) -> Value:
    """The script takes a variable away."""
    name = known_text(call.arguments.get("key", 0))
    before = environment(machine, call)
    if name is not None:
        machine.environment.remove(name)
    return before


@function(
    "torch.cuda.is_available",
    "torch.cuda.is_bf16_supported",
    "unsloth.is_bfloat16_supported",
    "unsloth.is_bf16_supported",
    "torch.cuda.device_count",
    "torch.cuda.get_device_capability",
    "transformers.is_torch_bf16_gpu_available",
    "torch.cuda.get_device_name",
    "torch.backends.mps.is_available",
    "transformers.is_torch_bf16_available",
    "torch.cuda.get_device_properties",
    "transformers.is_torch_cuda_available",
    "torch.cuda.current_device",
)
def hardware(machine: Machine, call: Call) -> Value:
    """What the card is and can do is known at run time only."""
    reason = f"hardware-dependent: {call.name}()"
    return Unknown(reason, trace(call.frame, call.node, "unknown", reason))


@function("torch.distributed.get_world_size")
def number_of_processes(machine: Machine, call: Call) -> Value:
    """How many processes run the script."""
    return world_size(machine, call.node, call.frame)


@function("torch.distributed.get_rank", "torch.distributed.get_node_local_rank")
def number_of_process(machine: Machine, call: Call) -> Value:
    """Which of them is read."""
    return rank(machine, call.node, call.frame, local="local" in call.name)


@function("torch.distributed.is_initialized", "torch.distributed.is_available")
def is_distributed(machine: Machine, call: Call) -> Value:
    """One process is a premise of the reading, unless a launcher says otherwise."""
    if machine.world is None:
        machine.assume(ONE_PROCESS)
    elif not isinstance(machine.world, Const):
        return unknown(call.frame, call.node, "several processes", machine.world)
    return Const(not is_alone(machine), trace(call.frame, call.node, "compute"))


@function("importlib.import_module", "builtins.__import__")
def import_by_name(machine: Machine, call: Call) -> Value:
    """A module imported by its name."""
    name = known_text(call.arguments.get("name", 0))
    if not name:
        return unknown(call.frame, call.node, "a module not known")
    level = len(name) - len(name.lstrip("."))
    return load(machine, name.lstrip("."), level, call.frame) or Library(name)


@function("sys.path.append", "sys.path.insert")
def search_path(machine: Machine, call: Call) -> Value:
    """A folder in which the script looks for its modules."""
    given = call.arguments.positional
    value = given[-1] if given else Const(None)
    text = known_text(value) or path_text(value)
    if text:
        machine.project.search(text)
    return Const(None)
