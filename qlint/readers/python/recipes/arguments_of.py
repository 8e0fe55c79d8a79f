"""The arguments object of a trainer, and reading from it."""

from __future__ import annotations

from qlint.knowledge import libraries
from qlint.readers.python.arguments import Arguments
from qlint.readers.python.libraries.objects import initialise_instance, read
from qlint.readers.python.libraries.registry import Call
from qlint.readers.python.libraries.roles import documented
from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.names import canonical
from qlint.readers.python.values import (
    Instance,
    Mapping,
    Ref,
    Unknown,
    Value,
    alternatives,
)


def arguments_of(machine: Machine, trainer: Instance, event: Event) -> Value:
    """The arguments object; where the trainer is given none, the one it makes itself."""
    for key in ("args", "config", "training_args", "training_arguments"):
        found = trainer.slots.data.get(key)
        if found is not None and any(_is_arguments(o.value) for o in alternatives(found)):
            return found
    for value in trainer.slots.data.values():
        if any(_is_arguments(option.value) for option in alternatives(value)):
            return value
    found = trainer.slots.data.get("args")
    if isinstance(found, Unknown):
        return found
    rest = trainer.meta.get("rest")
    if isinstance(rest, Unknown):
        return rest
    return implicit_arguments(machine, trainer, event)


def _is_arguments(value: Value) -> bool:
    return (
        isinstance(value, Ref)
        and isinstance(value.target, Instance)
        and value.target.role == "arguments"
    )


def implicit_arguments(machine: Machine, trainer: Instance, event: Event) -> Value:
    """The arguments that a trainer makes itself where it is given none."""
    library, name = documented(canonical(trainer.library or "transformers.Trainer"))
    config = f"{library}.{name.removesuffix('Trainer')}Config"
    if library != "trl" or not libraries.find_callable("trl", config.split(".", 1)[1]):
        config = "transformers.TrainingArguments"
    made = Instance("arguments", config)
    reference = Ref(made)
    call = Call(config, Arguments(), event.node, event.frame)
    observers, machine.observers = machine.observers, []
    events = list(machine.events)
    initialise_instance(machine, reference, call)
    machine.observers, machine.events = observers, events
    return reference


def read_argument(holder: Value, key: str) -> Value | None:
    """What the arguments hold at ``key``, whether they are an object or still a dict."""
    if isinstance(holder, Ref) and isinstance(holder.target, Instance):
        return read(holder.target, key)
    if isinstance(holder, Ref) and isinstance(holder.target, Mapping):
        return holder.target.slots.get(key)
    if isinstance(holder, Unknown):
        return Unknown(holder.reason, holder.trace)
    return None


def is_trl(arguments: Value) -> bool:
    """True for a configuration class of TRL, and for one that inherits from it."""
    if not isinstance(arguments, Ref) or not isinstance(arguments.target, Instance):
        return False
    name = arguments.target.library
    return name is not None and documented(canonical(name))[0] == "trl"
