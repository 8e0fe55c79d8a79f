"""Trainers: what they are built from, and the moment they train."""

from __future__ import annotations

from qlint.readers.python.arguments import Arguments
from qlint.readers.python.calls import call_value
from qlint.readers.python.libraries.adapters import apply_adapter, is_wrapped
from qlint.readers.python.libraries.data_callbacks import run_data
from qlint.readers.python.libraries.model_objects import is_model, new_model, note_applied
from qlint.readers.python.libraries.objects import initialise_instance, read
from qlint.readers.python.libraries.registry import Call, function, method
from qlint.readers.python.machine import Machine, trace, unknown
from qlint.readers.python.names import canonical
from qlint.readers.python.values import (
    Bound,
    Const,
    Function,
    Instance,
    Mapping,
    Ref,
    Unknown,
    Value,
    alternatives,
)
from qlint.readers.python.words import is_from_argv
from qlint.readers.python.world import rank, world_size


def construct_trainer(machine: Machine, call: Call) -> Value:
    """``SFTTrainer(model=..., args=..., peft_config=...)``."""
    name = canonical(call.name)
    instance = Instance("trainer", name)
    made = Ref(instance, trace(call.frame, call.node, "literal"))
    initialise_trainer(machine, made, call.renamed(name))
    return made


def initialise_trainer(machine: Machine, made: Ref, call: Call) -> None:
    """Bind a trainer's arguments; load its model and put its adapter on, as the trainer does."""
    instance = made.target
    assert isinstance(instance, Instance)
    if "built" not in instance.meta.data:
        machine.journal.write(instance.meta, "built", made)
        if instance.native is None:
            instance.native = (call.node, call.frame)
    initialise_instance(machine, made, call)
    run_data(machine, call)
    for value in call.arguments.every():
        note_applied(machine, value, call)
    model = instance.slots.data.get("model")
    if model is None and call.arguments.positional:
        model = call.arguments.positional[0]
        machine.journal.write(instance.slots, "model", model)
    model = _called_initialiser(machine, instance, model, call)
    if model is not None and _names_model(instance, model):
        model = _model_by_name(machine, instance, model, call)
        machine.journal.write(instance.slots, "model", model)
    adapter = instance.slots.data.get("peft_config")
    if adapter is None or (isinstance(adapter, Const) and adapter.value is None):
        return
    if model is not None and any(is_model(option.value) for option in alternatives(model)):
        if is_wrapped(model) and (instance.library or "").startswith("trl."):
            machine.emit("adapted twice", instance, call.node, call.frame)
        apply_adapter(machine, model, adapter, call)
    else:
        for option in alternatives(adapter):
            if isinstance(option.value, Ref) and isinstance(option.value.target, Instance):
                machine.emit("applied", option.value.target, call.node, call.frame)


def _called_initialiser(
    machine: Machine, instance: Instance, model: Value | None, call: Call
) -> Value | None:
    """``model_init=...`` is a function that makes the model."""
    initialiser = instance.slots.data.get("model_init")
    if model is not None and not (isinstance(model, Const) and model.value is None):
        return model
    if isinstance(initialiser, Function | Bound):
        model = call_value(machine, initialiser, Arguments(), call.node, call.frame)
        machine.journal.write(instance.slots, "model", model)
    return model


def _names_model(instance: Instance, model: Value) -> bool:
    """TRL takes a name for a model; it may itself be given at run time only."""
    if isinstance(model, Const):
        return isinstance(model.value, str) or (
            model.value is None and (instance.library or "").startswith("trl.")
        )
    if not isinstance(model, Unknown):
        return False
    said = ("on the command line", "the configuration file")
    return any(words in model.reason for words in said) or is_from_argv(model.trace)


def _model_by_name(machine: Machine, instance: Instance, name: Value, call: Call) -> Value:
    """TRL loads a model given by name, with ``model_init_kwargs`` of its arguments."""
    load: dict[str, Value] = {}
    arguments = instance.slots.get("args")
    holders = [arguments.target] if isinstance(arguments, Ref) else []
    given = [
        read(holder, "model_init_kwargs") for holder in holders if isinstance(holder, Instance)
    ]
    given.append(instance.slots.data.get("model_init_kwargs"))
    rest = None
    for keywords in given:
        if isinstance(keywords, Ref) and isinstance(keywords.target, Mapping):
            load.update({str(key): value for key, value in keywords.target.entries()})
            rest = keywords.target.rest or rest
        elif keywords is not None and not isinstance(keywords, Const):
            reason = keywords.reason if isinstance(keywords, Unknown) else "one of several"
            rest = Unknown(reason, keywords.trace)
    quantisation = instance.slots.data.get("quantization_config")
    if quantisation is not None:
        load["quantization_config"] = quantisation
    made = new_model(machine, call, "transformers.AutoModelForCausalLM", name, load)
    keywords_of_load = made.target.slots.data["load"]
    if rest is not None and isinstance(keywords_of_load, Ref):
        target = keywords_of_load.target
        if isinstance(target, Mapping):
            target.meta.data["rest"] = rest
    return made


@method("trainer", "train", "fit")
def train(machine: Machine, receiver: Ref, trainer: Instance, call: Call) -> Value:
    """``trainer.train()``: the run."""
    _make_optimizer(machine, receiver, trainer, call)
    machine.emit("train", trainer, call.node, call.frame)
    return unknown(call.frame, call.node, "what training returns")


@function("unsloth.unsloth_train")
def unsloth_train(machine: Machine, call: Call) -> Value:
    """``unsloth_train(trainer)`` of Unsloth's fixed accumulation."""
    given = call.arguments.get("trainer", 0)
    if given is None or not isinstance(given, Ref) or not is_trainer(given):
        return unknown(call.frame, call.node, "what training returns")
    assert isinstance(given.target, Instance)
    _make_optimizer(machine, given, given.target, call)
    machine.emit("train", given.target, call.node, call.frame)
    return unknown(call.frame, call.node, "what training returns")


OWN_OPTIMIZER = ("create_optimizer", "create_optimizer_and_scheduler")


def _make_optimizer(machine: Machine, receiver: Ref, trainer: Instance, call: Call) -> None:
    """A trainer of the program may make its optimizer itself."""
    for name in OWN_OPTIMIZER:
        own = trainer.cls.find(name) if trainer.cls is not None else None
        if not isinstance(own, Function):
            continue
        result = call_value(machine, Bound(receiver, own), Arguments(), call.node, call.frame)
        for made in (result, trainer.slots.data.get("optimizer")):
            target = made.target if isinstance(made, Ref) else None
            if isinstance(target, Instance) and target.role == "optimizer" and made is not None:
                machine.journal.write(trainer.slots, "made_optimizer", made)
                return


_SETTERS: dict[str, dict[str, str]] = {
    "set_training": {"batch_size": "per_device_train_batch_size", "num_epochs": "num_train_epochs"},
    "set_optimizer": {"name": "optim"},
    "set_lr_scheduler": {"name": "lr_scheduler_type", "num_epochs": "num_train_epochs"},
    "set_dataloader": {"train_batch_size": "per_device_train_batch_size"},
}
_POSITIONAL = {
    "set_training": ("learning_rate", "batch_size", "weight_decay", "num_epochs", "max_steps",
                     "gradient_accumulation_steps", "seed", "gradient_checkpointing"),
    "set_optimizer": ("name", "learning_rate", "weight_decay", "beta1", "beta2", "epsilon", "args"),
    "set_lr_scheduler": ("name", "num_epochs", "max_steps", "warmup_ratio", "warmup_steps"),
    "set_dataloader": ("train_batch_size", "eval_batch_size"),
}  # fmt: skip


@method("arguments", *_SETTERS)
def set_arguments(machine: Machine, receiver: Ref, arguments: Instance, call: Call) -> Value:
    """``args.set_training(learning_rate=1e-4, batch_size=2)``."""
    for key, value in call.bind(*_POSITIONAL[call.name]).items():
        machine.journal.write(arguments.slots, _SETTERS[call.name].get(key, key), value)
    return receiver


@method("trainer", "step")
def step(machine: Machine, receiver: Ref, trainer: Instance, call: Call) -> Value | None:
    """``ppo_trainer.step(...)`` of TRL before 0.12 is one optimisation step."""
    if trainer.library is not None and trainer.library.startswith("trl."):
        machine.emit("train", trainer, call.node, call.frame)
    return None


@method("arguments", ".world_size")
def processes(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """How many processes run the script."""
    return world_size(machine, call.node, call.frame)


@method("arguments", ".process_index", ".local_process_index")
def process(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """Which of them is read."""
    return rank(machine, call.node, call.frame, local="local" in call.name)


@method("arguments", "to_dict")
def arguments_as_dict(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """``training_args.to_dict()``."""
    return Ref(Mapping(instance.slots), receiver.trace)


@method("trainer", ".accelerator")
def trainer_accelerator(machine: Machine, receiver: Ref, instance: Instance, call: Call) -> Value:
    """``trainer.accelerator``."""
    return Ref(Instance("accelerator", "accelerate.Accelerator"))


def is_trainer(value: Value) -> bool:
    """True for a reference to a trainer."""
    return (
        isinstance(value, Ref)
        and isinstance(value.target, Instance)
        and (value.target.role == "trainer")
    )


def class_name(instance: Instance) -> str:
    """The class of a trainer as written: the program's own, else the library's."""
    if instance.cls is not None:
        return instance.cls.name
    return (instance.library or "Trainer").rsplit(".", 1)[-1]
