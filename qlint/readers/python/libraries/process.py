"""What stands around the script: environment variables, the card, other processes, modules."""

from __future__ import annotations

from qlint.readers.python import operators
from qlint.readers.python.imports import load
from qlint.readers.python.libraries.paths import path_text
from qlint.readers.python.libraries.registry import Call, function
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.values import (
    Const,
    Library,
    Mapping,
    Unknown,
    Value,
    known_text,
)


@function("os.environ.get", "os.getenv", "environ.get")
def environment(machine: Machine, call: Call) -> Value:
    """No environment variable is set: the default holds."""
    name = known_text(call.arguments.get("key", 0))
    machine.assume("no environment variables are set")
    written = machine.environment.get(name or "")
    if written is not None:
        return written
    default = call.arguments.get("default", 1)
    if default is None:
        return Const(None, trace(call.frame, call.node, "literal"))
    station = trace(
        call.frame, call.node, "pass", f"default of environment variable {name}", default.trace
    )
    return default.traced(station)


@function("os.environ.setdefault", "os.putenv")
def set_environment(machine: Machine, call: Call) -> Value:
    """The script sets a variable itself."""
    name = known_text(call.arguments.get("key", 0))
    value = call.arguments.get("value", 1)
    if name is None or value is None:
        return Const(None)
    if call.name.endswith("putenv"):
        machine.environment[name] = value
    return machine.environment.setdefault(name, value)


@function("os.environ.update")
def update_environment(machine: Machine, call: Call) -> Value:
    """The script sets several variables."""
    given = Mapping()
    for value in call.arguments.positional:
        operators.merge(machine, given, value)
    given.slots.data.update(call.arguments.keywords)
    machine.environment.update({str(name): value for name, value in given.entries()})
    return Const(None)


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


@function("torch.distributed.get_rank", "torch.distributed.get_world_size",
          "torch.distributed.is_initialized", "torch.distributed.is_available")  # fmt: skip
def distributed(machine: Machine, call: Call) -> Value:
    """One process is a premise of the reading."""
    machine.assume("one process")
    last = call.name.rsplit(".", 1)[-1]
    return Const(
        {"get_rank": 0, "get_world_size": 1}.get(last, False),
        trace(call.frame, call.node, "compute"),
    )


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
