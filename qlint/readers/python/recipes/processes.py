"""The processes of a run: how many, what spreads the run over them, the batch of all together."""

from __future__ import annotations

from qlint.readers.python.machine import Machine
from qlint.readers.python.recipes.conversion import to_field, unknown_field
from qlint.readers.python.values import Const, Instance, Ref, Unknown, Value
from qlint.readers.python.world import is_alone
from qlint.recipe import ABSENT, Field, Origin, State

_ASSUMED = (Origin(via="one process is assumed"),)
_PLUGINS = {"deepspeed_plugin": "deepspeed", "fsdp_plugin": "fsdp"}
_STRATEGIES = ("fsdp", "deepspeed", "ddp")


def world_field(machine: Machine) -> Field:
    """The number of processes: what starts them says it, else it is one."""
    if machine.world is None:
        return Field(State.DEFAULT, 1, _ASSUMED)
    return to_field(machine.world)


def launched_field(machine: Machine) -> Field:
    """How the run is spread over its processes where the input itself says nothing."""
    if machine.world is None:
        return Field(State.DEFAULT, "none", _ASSUMED)
    world = world_field(machine)
    if not world.known:
        return unknown_field(Unknown(world.reason or "not known", machine.world.trace))
    return Field(State.SET, "none" if is_alone(machine) else "ddp", world.origin)


def batch_fields(machine: Machine, batch: Field, accumulation: Field) -> dict[str, Field]:
    """The number of processes, and the batch that all of them make together."""
    world = world_field(machine)
    return {"world_size": world, "effective_batch_size": _product((batch, accumulation, world))}


def _product(parts: tuple[Field, Field, Field]) -> Field:
    """Per-device batch times accumulation times the number of processes."""
    lost = next((part for part in parts if part.state is State.UNKNOWN), None)
    if lost is not None:
        return Field(State.UNKNOWN, None, lost.origin)
    values = [part.value for part in parts if part.known]
    if len(values) != 3 or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return ABSENT
    given = [part for part in parts if part.state is State.SET]
    origin = tuple(station for part in given for station in part.origin)
    state = State.SET if given else State.DEFAULT
    return Field(state, values[0] * values[1] * values[2], origin or parts[0].origin)


def distributed_field(
    machine: Machine,
    model: Instance,
    accelerator: Instance | None = None,
    holder: Instance | None = None,
) -> Field:
    """What the input itself sets up: a wrapper, a plugin, a strategy; else what starts it."""
    for key, name in _PLUGINS.items():
        plugin = accelerator.slots.data.get(key) if accelerator is not None else None
        if plugin is not None and not (isinstance(plugin, Const) and plugin.value is None):
            return to_field(Const(name, plugin.trace))
    if holder is not None and holder.slots.data.get("strategy") is not None:
        return _strategy(machine, holder.slots.data["strategy"])
    wrapped = model.slots.get("distributed")
    return to_field(wrapped) if wrapped is not None else launched_field(machine)


def _strategy(machine: Machine, value: Value) -> Field:
    if isinstance(value, Ref) and isinstance(value.target, Instance):
        last = (value.target.library or "").rsplit(".", 1)[-1].removesuffix("Strategy").lower()
        return to_field(Const(last, value.trace))
    field = to_field(value)
    if not field.known:
        return field
    for name in _STRATEGIES:
        if str(field.value).startswith(name):
            return Field(State.SET, name, field.origin)
    return launched_field(machine)
