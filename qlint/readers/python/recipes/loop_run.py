"""The recipe of a hand-written loop: an optimizer that steps, around a pretrained model."""

from __future__ import annotations

from qlint.readers.python.libraries.deepspeed import item
from qlint.readers.python.libraries.model_objects import find_model
from qlint.readers.python.machine import Event, LoopState, Machine
from qlint.readers.python.recipes.checkpointing import checkpointing_fields
from qlint.readers.python.recipes.common import (
    called,
    last_model,
    model_fields,
)
from qlint.readers.python.recipes.conversion import to_field
from qlint.readers.python.recipes.length import data_length
from qlint.readers.python.recipes.loop_partners import partner
from qlint.readers.python.recipes.loop_precision import loop_precision
from qlint.readers.python.recipes.loop_shape import (
    accumulation_of,
    batch_of,
    clipping_of,
    epochs_of,
    loader_of,
)
from qlint.readers.python.recipes.optimizer import optimizer_fields
from qlint.readers.python.recipes.processes import batch_fields, distributed_field
from qlint.readers.python.values import Instance, Value
from qlint.recipe import ABSENT, Field


def loop_fields(machine: Machine, event: Event) -> dict[str, Field] | None:
    """All fields of a run whose optimizer steps in a loop; None where no model is trained."""
    optimizer = event.target
    assert optimizer is not None
    model = find_model(optimizer.slots.get("params")) or last_model(machine)
    if model is None:
        return None
    accelerator = partner(machine, optimizer, "accelerator")
    fabric = partner(machine, optimizer, "fabric")
    engine = optimizer.slots.get("engine_config")
    fields = model_fields(machine, model, "the loop's model is not loaded in this file", fabric)
    fields.update(optimizer_fields(machine, optimizer))
    fields.update(checkpointing_fields(model, None, None, machine.versions))
    fields.update(loop_precision(machine, accelerator, fabric, engine))
    fields.update(_loop(machine, event, accelerator, engine))
    fields["max_seq_length"] = to_field(data_length(machine, event, model))
    fields["packing"] = fields["trainer"] = fields["max_steps"] = ABSENT
    name = _framework(model, accelerator, fabric)
    fields["framework"] = called(event.node, event.frame, name)
    fields["distributed"] = distributed_field(machine, model, accelerator, fabric)
    return fields


def _loop(
    machine: Machine, event: Event, accelerator: Instance | None, engine: Value | None
) -> dict[str, Field]:
    loops: list[LoopState] = event.payload if isinstance(event.payload, list) else []
    batch = item(engine, "train_micro_batch_size_per_gpu")
    steps = item(engine, "gradient_accumulation_steps")
    clipping = item(engine, "gradient_clipping")
    fields = {
        "per_device_train_batch_size": to_field(batch)
        if batch is not None
        else batch_of(loader_of(machine, loops)),
        "gradient_accumulation_steps": to_field(steps)
        if steps is not None
        else accumulation_of(machine, accelerator),
        "num_train_epochs": epochs_of(loops),
        "max_grad_norm": to_field(clipping) if clipping is not None else clipping_of(machine),
    }
    micro, accumulated = "per_device_train_batch_size", "gradient_accumulation_steps"
    return {**fields, **batch_fields(machine, fields[micro], fields[accumulated])}


def _framework(model: Instance, accelerator: Instance | None, fabric: Instance | None) -> str:
    if (model.library or "").startswith("unsloth"):
        return "unsloth"
    if fabric is not None:
        return "lightning"
    return "torch" if accelerator is None else "accelerate"
