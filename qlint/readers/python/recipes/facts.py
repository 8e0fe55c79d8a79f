"""What a trainer's run says beside the recipe's fields, as far as memory depends on it."""

from __future__ import annotations

from qlint.knowledge import libraries
from qlint.readers.python.libraries.model_objects import find_model
from qlint.readers.python.libraries.objects import read
from qlint.readers.python.machine import Event, Machine
from qlint.readers.python.operators import truth
from qlint.readers.python.recipes.arguments_of import arguments_of, read_argument
from qlint.readers.python.recipes.common import last_model
from qlint.readers.python.recipes.conversion import dtype, member, through, to_field, unknown_field
from qlint.readers.python.recipes.quantisation import load_keyword, loaded_bits
from qlint.readers.python.source import Trace
from qlint.readers.python.values import Const, Instance, Unknown, Value
from qlint.recipe import Field, State

_ARGUMENTS = (
    "per_device_eval_batch_size",
    "prediction_loss_only",
    "eval_accumulation_steps",
    "use_liger_kernel",
    "loss_type",
)
_GIVEN = ("compute_metrics", "preprocess_logits_for_metrics")


def facts_of(machine: Machine, event: Event) -> dict[str, Field]:
    """The facts of the run of an event; those of a trainer only."""
    trainer = event.target
    if event.kind != "train" or trainer is None:
        return {}
    arguments = arguments_of(machine, trainer, event)

    def argument(key: str) -> Value | None:
        return through(arguments, lambda one: read_argument(one, key))

    values = {name: argument(name) for name in _ARGUMENTS}
    values["eval_strategy"] = argument("eval_strategy") or argument("evaluation_strategy")
    facts = {name: to_field(value, member) for name, value in values.items() if value is not None}
    for name in _GIVEN:
        facts[name] = _whether_given(trainer, name)
    model = find_model(read(trainer, "model")) or last_model(machine)
    if model is None:
        return facts
    if model.library is not None:
        kind = Const(model.library.rsplit(".", 1)[-1], Trace("library", via="class of the model"))
        facts["model_class"] = to_field(kind)
    load = _load_dtype(machine, model, trainer)
    return facts if load is None else {**facts, "load_dtype": load}


def _whether_given(trainer: Instance, name: str) -> Field:
    value = trainer.slots.data.get(name)
    if value is None:
        return Field(State.DEFAULT, False)
    given = truth(value)
    if given is None:
        return unknown_field(Unknown(f"whether {name} is given is not known", value.trace))
    return Field(State.SET, given, to_field(value).origin)


def _load_dtype(machine: Machine, model: Instance, trainer: Instance) -> Field | None:
    """The dtype that the checkpoint is loaded in, before it is quantised.

    Without one transformers before 5 takes float16 for a model that bitsandbytes quantises
    (``quantizers/quantizer_bnb_4bit.py``, ``update_dtype``), later the checkpoint's own ("auto").
    """
    value = load_keyword(model, "torch_dtype") or load_keyword(model, "dtype")
    if value is not None and not (isinstance(value, Const) and value.value is None):
        return to_field(value, dtype)
    library = (model.library or "").split(".", 1)[0]
    if library != "transformers" or not loaded_bits(model) or _by_trainer(machine, model, trainer):
        return None
    version = libraries.resolve_version("transformers", machine.versions.get("transformers", ""))
    if int(version.split(".", 1)[0]) >= 5:
        return None
    via = f"default of from_pretrained with bitsandbytes, transformers {version}"
    return to_field(Const("float16", Trace("library", via=via)))


def _by_trainer(machine: Machine, model: Instance, trainer: Instance) -> bool:
    """TRL loads a model that it is given by name, in a dtype that hangs on its own version."""
    built = trainer.native[0] if isinstance(trainer.native, tuple) else None
    loads = (event for event in machine.events if event.kind == "loaded")
    return any(event.target is model and event.node is built for event in loads)
