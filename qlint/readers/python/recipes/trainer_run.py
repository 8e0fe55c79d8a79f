"""The recipe of a run that a Trainer of transformers, TRL or Unsloth performs."""

from __future__ import annotations

from qlint.readers.python.libraries.model_objects import find_model
from qlint.readers.python.libraries.objects import read
from qlint.readers.python.libraries.roles import documented
from qlint.readers.python.libraries.trainers import class_name
from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.names import canonical
from qlint.readers.python.recipes.arguments_of import arguments_of, is_trl, read_argument
from qlint.readers.python.recipes.checkpointing import checkpointing_fields
from qlint.readers.python.recipes.common import (
    called,
    framework_of,
    last_model,
    model_fields,
)
from qlint.readers.python.recipes.conversion import member, through, to_field, unknown_field
from qlint.readers.python.recipes.length import training_length
from qlint.readers.python.recipes.own_optimizer import own_optimizer
from qlint.readers.python.recipes.processes import batch_fields, launched_field
from qlint.readers.python.values import (
    Instance,
    Ref,
    Unknown,
    Value,
)
from qlint.recipe import ABSENT, Field, Origin, State

_ARGUMENTS = {
    "learning_rate": "learning_rate",
    "max_grad_norm": "max_grad_norm",
    "weight_decay": "weight_decay",
    "per_device_train_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "num_train_epochs": "num_train_epochs",
    "max_steps": "max_steps",
}


def trainer_fields(machine: Machine, event: Event) -> dict[str, Field]:
    """All fields of a run started by ``trainer.train()``."""
    trainer = event.target
    assert trainer is not None
    arguments = arguments_of(machine, trainer, event)
    model = find_model(read(trainer, "model"))
    if model is None and trainer.cls is not None:
        model = find_model(Ref(trainer))
    if model is None:
        model = last_model(machine)
    fields = model_fields(machine, model, "the trainer's model is not loaded in this file")

    def argument(key: str) -> Value | None:
        return through(arguments, lambda one: read_argument(one, key))

    for name, key in _ARGUMENTS.items():
        fields[name] = to_field(argument(key))
    fields["optim"] = to_field(argument("optim"), member)
    fields["lr_scheduler_type"] = to_field(argument("lr_scheduler_type"), member)
    fields["warmup"] = _warmup(argument("warmup_steps"), argument("warmup_ratio"))
    fields.update(own_optimizer(machine, trainer))
    fields.update(_precision(argument("bf16"), argument("fp16"), is_trl(arguments)))
    if is_trl(arguments) and model is not None and (model.library or "").startswith("unsloth"):
        _let_unsloth_choose(fields)
    keywords = argument("gradient_checkpointing_kwargs")
    switch = argument("gradient_checkpointing") or argument("activation_checkpointing")
    holder = model if model is not None else Instance("model")
    fields.update(
        checkpointing_fields(holder, switch, keywords, machine.versions, is_trl(arguments))
    )
    fields["max_seq_length"] = to_field(training_length(machine, trainer, model, arguments, event))
    fields["packing"] = _packing(machine, trainer, arguments)
    built = trainer.native if isinstance(trainer.native, tuple) else (event.node, event.frame)
    library = trainer.library or "transformers.Trainer"
    fields["trainer"] = called(built[0], built[1], class_name(trainer))
    fields["framework"] = called(built[0], built[1], framework_of(model, library))
    fields["distributed"] = _distributed(machine, argument("fsdp"), argument("deepspeed"))
    micro, accumulated = "per_device_train_batch_size", "gradient_accumulation_steps"
    return {**fields, **batch_fields(machine, fields[micro], fields[accumulated])}


def _warmup(steps: Value | None, ratio: Value | None) -> Field:
    """``{steps, ratio}``; set when either is."""
    parts = {"steps": to_field(steps), "ratio": to_field(ratio)}
    lost = next((p for p in parts.values() if p.state is State.UNKNOWN), None)
    if lost is not None:
        return lost
    number = {name: part.value or 0 for name, part in parts.items()}
    if isinstance(number["steps"], float) and 0 < number["steps"] < 1:
        # From transformers 5 a fraction of steps is what warmup_ratio was.
        number = {"steps": 0, "ratio": number["steps"]}
    origin: tuple[Origin, ...] = ()
    state = State.DEFAULT
    for part in parts.values():
        if part.state is State.SET:
            state, origin = State.SET, origin + part.origin
    if state is State.DEFAULT:
        origin = parts["steps"].origin or (Origin(via="no warm-up by default"),)
    value = {"steps": number["steps"], "ratio": float(number["ratio"])}
    return Field(state, value, origin)


def _precision(bf16: Value | None, fp16: Value | None, trl: bool) -> dict[str, Field]:
    """From TRL 0.19 its configurations turn bf16 on by themselves unless fp16 is asked for."""
    half = to_field(fp16)
    brain = to_field(bf16)
    if trl and brain.value is None and brain.known:
        if half.state is State.UNKNOWN:
            brain = unknown_field(Unknown(f"on unless fp16 is: {half.reason}"))
        else:
            brain = Field(State.DEFAULT, not half.value, brain.origin)
    return {"bf16": brain, "fp16": half}


def _let_unsloth_choose(fields: dict[str, Field]) -> None:
    """Unsloth turns TRL's own choice off and trains in the precision it has loaded the model in."""
    if all(fields[name].state is State.DEFAULT for name in ("bf16", "fp16")):
        reason = "hardware-dependent: Unsloth takes bfloat16 where the card has it"
        fields["bf16"] = fields["fp16"] = unknown_field(Unknown(reason))


def _packing(machine: Machine, trainer: Instance, arguments: Value) -> Field:
    """Packing is SFT's; elsewhere it has no meaning."""
    written = trainer.slots.data.get("packing")
    if written is not None:
        return to_field(written)
    value = through(arguments, lambda one: read_argument(one, "packing"))
    if value is not None and not isinstance(arguments, Unknown):
        return to_field(value)
    library, name = documented(canonical(trainer.library or "transformers.Trainer"))
    if library == "trl" and name == "SFTTrainer":
        if isinstance(arguments, Unknown):
            return to_field(arguments)
        return Field(State.DEFAULT, False, (Origin(via="default of SFTTrainer"),))
    return ABSENT


def _distributed(machine: Machine, fsdp: Value | None, deepspeed: Value | None) -> Field:
    """What the arguments themselves set up, else what starts the run."""
    for name, value in (("deepspeed", deepspeed), ("fsdp", fsdp)):
        if value is None:
            continue
        field = to_field(value)
        if field.state is State.UNKNOWN:
            return field
        if field.value:
            return Field(State.SET, name, field.origin)
    return launched_field(machine)
