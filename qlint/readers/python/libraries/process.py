"""What stands around the script: environment variables, the card, other processes, modules."""

from __future__ import annotations

import re

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

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})")
_LISTED = re.compile(r"[\w-]+(?:,[\w-]+)*\Z")


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


@function("os.path.expandvars")
def fill_in_environment(machine: Machine, call: Call) -> Value:
    """``os.path.expandvars("$HOME/model")``: names of variables that are not set stay."""
    given = call.arguments.get("path", 0)
    text = known_text(given)
    if given is None or text is None:
        return unknown(
            call.frame, call.node, "the result of os.path.expandvars()", given or Const(None)
        )
    pieces = []
    traces = [given.trace]
    end = 0
    for found in _VARIABLE.finditer(text):
        value = machine.environment.get(found[1] or found[2])
        if value is None:
            continue
        filled = known_text(value)
        if filled is None:
            return unknown(call.frame, call.node, f"environment variable {found[0]}", value)
        pieces += [text[end : found.start()], filled]
        traces.append(value.trace)
        end = found.end()
    if not pieces:
        return given
    station = trace(call.frame, call.node, "compute", None, *traces)
    return Const("".join((*pieces, text[end:])), station)


@function("torch.cuda.device_count")
def devices(machine: Machine, call: Call) -> Value:
    """As many as CUDA_VISIBLE_DEVICES lists; else the machine decides."""
    listed = machine.environment.get("CUDA_VISIBLE_DEVICES")
    text = known_text(listed)
    if listed is None or text is None or not _LISTED.match(text):
        return hardware(machine, call)
    machine.assume(f"the machine has the devices {text} of CUDA_VISIBLE_DEVICES")
    return Const(text.count(",") + 1, trace(call.frame, call.node, "compute", None, listed.trace))


@function("torch.distributed.init_process_group")
def join_processes(machine: Machine, call: Call) -> Value:
    """``init_process_group("nccl", rank=rank, world_size=2)``: all of them take part in the run."""
    count = call.arguments.get("world_size")
    if machine.world is not None and isinstance(count, Const) and isinstance(count.value, int):
        machine.world = count if count.value > 0 else machine.world
    return Const(None)


@function(
    "torch.cuda.is_available",
    "torch.cuda.is_bf16_supported",
    "unsloth.is_bfloat16_supported",
    "unsloth.is_bf16_supported",
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
    folder = machine.project.search_folder(text) if text else None
    if folder is not None and folder not in machine.searched:
        machine.searched.append(folder)
    return Const(None)
