"""The configurations that a run names besides its own: those of DeepSpeed and of FSDP.

The value is the path as written or known, or the table where it is written in place. What such a
file decides is read by whoever joins it to the run.
"""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.python.libraries.objects import read
from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.recipes.arguments_of import arguments_of, read_argument
from qlint.readers.python.recipes.conversion import through, to_field
from qlint.readers.python.recipes.loop_partners import partner
from qlint.readers.python.values import Const, Instance, Mapping, Ref, Value
from qlint.recipe import Field, State

_ZERO = {
    "zero_stage": "stage",
    "offload_optimizer_device": "offload_optimizer",
    "offload_param_device": "offload_param",
}
_DEEPSPEED = ("gradient_accumulation_steps", "gradient_clipping")


def names_of(machine: Machine, event: Event) -> dict[str, Field]:
    """The configurations that the run of an event names, by format."""
    target = event.target
    assert target is not None
    if event.kind == "train":
        return _of_trainer(machine, target, event)
    if event.kind == "step":
        return _of_loop(machine, target)
    return {}


def _of_trainer(machine: Machine, trainer: Instance, event: Event) -> dict[str, Field]:
    arguments = arguments_of(machine, trainer, event)
    fsdp = _named(through(arguments, lambda one: read_argument(one, "fsdp_config")))
    if fsdp is None:
        whole = _named(through(arguments, lambda one: read_argument(one, "fsdp")))
        fsdp = _wrapped(whole, "fsdp") if whole is not None else None
    deepspeed = _named(through(arguments, lambda one: read_argument(one, "deepspeed")))
    return _present(deepspeed, fsdp)


def _of_loop(machine: Machine, optimizer: Instance) -> dict[str, Field]:
    accelerator = partner(machine, optimizer, "accelerator")
    engine = optimizer.slots.get("engine_config")
    deepspeed = _named(engine) if engine is not None else None
    if accelerator is None:
        return _present(deepspeed, None)
    plugin = _plugin(accelerator, "deepspeed_plugin")
    fsdp = _plugin(accelerator, "fsdp_plugin")
    return _present(
        deepspeed or (_of_plugin(plugin) if plugin is not None else None),
        to_field(_table(fsdp)) if fsdp is not None else None,
    )


def _present(deepspeed: Field | None, fsdp: Field | None) -> dict[str, Field]:
    named = {"deepspeed": deepspeed, "fsdp": fsdp}
    return {name: field for name, field in named.items() if field is not None}


def _named(value: Value | None) -> Field | None:
    """The configuration that a value names; None where it names none."""
    field = to_field(value)
    if field.state is State.UNKNOWN or (field.state is State.SET and field.value):
        return field
    return None


def _wrapped(field: Field, key: str) -> Field:
    """A setting alone as a table that holds it."""
    return replace(field, value={key: field.value}) if field.known else field


def _plugin(accelerator: Instance, key: str) -> Value | None:
    value = accelerator.slots.data.get(key)
    return None if isinstance(value, Const) and value.value is None else value


def _table(plugin: Value) -> Value:
    """What an object is given, as a table."""
    if isinstance(plugin, Ref) and isinstance(plugin.target, Instance):
        return Ref(Mapping(plugin.target.slots), plugin.trace)
    return plugin


def _of_plugin(plugin: Value) -> Field:
    """``DeepSpeedPlugin(hf_ds_config=...)``, or its own settings as DeepSpeed's table has them."""
    if not isinstance(plugin, Ref) or not isinstance(plugin.target, Instance):
        return to_field(plugin)
    given = _named(read(plugin.target, "hf_ds_config"))
    if given is not None:
        return given
    table, zero = Mapping(), Mapping()
    table.slots.data["zero_optimization"] = Ref(zero, plugin.trace)
    for key, value in plugin.target.slots.data.items():
        if key == "zero_stage":
            zero.slots.data["stage"] = value
        elif key in _ZERO:
            device = Mapping()
            device.slots.data["device"] = value
            zero.slots.data[_ZERO[str(key)]] = Ref(device, value.trace)
        elif key in _DEEPSPEED:
            table.slots.data[key] = value
    return to_field(Ref(table, plugin.trace))
