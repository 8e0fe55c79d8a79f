"""The recipe of a run that Lightning's Trainer performs."""

from __future__ import annotations

from qlint.readers.python.libraries.model_objects import find_model
from qlint.readers.python.libraries.objects import read
from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.recipes.checkpointing import checkpointing_fields
from qlint.readers.python.recipes.common import (
    called,
    last_model,
    model_fields,
)
from qlint.readers.python.recipes.conversion import to_field, unknown_field
from qlint.readers.python.recipes.length import data_length
from qlint.readers.python.recipes.loop_precision import named_precision
from qlint.readers.python.recipes.loop_shape import batch_of, loader_of
from qlint.readers.python.recipes.optimizer import optimizer_fields
from qlint.readers.python.recipes.processes import batch_fields, distributed_field
from qlint.readers.python.values import (
    Instance,
    Items,
    Mapping,
    OneOf,
    Ref,
    Sequence,
    Unknown,
    Value,
    alternatives,
)
from qlint.recipe import ABSENT, Field, Origin, State

_DEFAULTS: dict[str, tuple[str, object]] = {
    "num_train_epochs": ("max_epochs", None),
    "max_steps": ("max_steps", -1),
    "gradient_accumulation_steps": ("accumulate_grad_batches", 1),
    "max_grad_norm": ("gradient_clip_val", None),
}


def lightning_fields(machine: Machine, event: Event) -> dict[str, Field] | None:
    """All fields of a run started by ``trainer.fit(module)``; None where no model is trained."""
    trainer = event.target
    assert trainer is not None
    module = trainer.slots.get("module")
    model = find_model(module) or last_model(machine)
    if model is None:
        return None
    fields = model_fields(machine, model, "the module's model is not loaded in this file", trainer)
    optimizer = _optimizer(trainer.slots.get("optimizers"))
    if optimizer is not None:
        fields.update(optimizer_fields(machine, optimizer))
    else:
        lost = unknown_field(Unknown("configure_optimizers() is not followed"))
        fields.update(dict.fromkeys(("learning_rate", "optim", "weight_decay"), lost))
        fields.update({"lr_scheduler_type": ABSENT, "warmup": ABSENT})
    for name, (key, default) in _DEFAULTS.items():
        value = read(trainer, key)
        if value is not None:
            fields[name] = to_field(value)
        elif default is None:
            fields[name] = ABSENT
        else:
            via = f"default of Lightning's Trainer for {key}"
            fields[name] = Field(State.DEFAULT, default, (Origin(via=via),))
    precision = read(trainer, "precision")
    fields.update(named_precision(precision, "default of Lightning's Trainer: 32-true"))
    fields.update(checkpointing_fields(model, None, None, machine.versions))
    data = _data(machine, trainer)
    fields["per_device_train_batch_size"] = batch_of(data)
    length = read(data, "max_seq_length") if data is not None else None
    fields["max_seq_length"] = to_field(length or data_length(machine, event, model))
    fields["packing"] = ABSENT
    fields["trainer"] = called(event.node, event.frame, "Trainer")
    fields["framework"] = called(event.node, event.frame, "lightning")
    fields["distributed"] = distributed_field(machine, model, None, trainer)
    micro, accumulated = "per_device_train_batch_size", "gradient_accumulation_steps"
    return {**fields, **batch_fields(machine, fields[micro], fields[accumulated])}


def _data(machine: Machine, trainer: Instance) -> Instance | None:
    """The loader, or the data module that makes it."""
    loader = trainer.slots.get("loader")
    own = loader.target if isinstance(loader, Ref) else None
    if isinstance(own, Instance) and own.role in ("loader", "lit_data"):
        return own
    return loader_of(machine, [])


def _optimizer(value: Value | None, depth: int = 0) -> Instance | None:
    """The optimizer in what ``configure_optimizers`` returns, in any of its forms."""
    if value is None or depth > 4:
        return None
    if isinstance(value, OneOf):
        return next(
            (o for option in value.options if (o := _optimizer(option.value, depth + 1))), None
        )
    if not isinstance(value, Ref):
        return None
    target = value.target
    if isinstance(target, Instance):
        return target if target.role == "optimizer" else None
    parts: list[Value] = []
    if isinstance(target, Sequence):
        for option in alternatives(target.slots.data["items"]):
            if isinstance(option.value, Items):
                parts.extend(option.value.values)
    elif isinstance(target, Mapping):
        parts.extend(target.slots.data.values())
    return next((o for part in parts if (o := _optimizer(part, depth + 1))), None)
