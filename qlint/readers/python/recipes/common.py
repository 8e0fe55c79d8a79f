"""What every kind of run has: its model, its adapter, its batch."""

from __future__ import annotations

import libcst as cst

from qlint.readers.python.frames import Frame
from qlint.readers.python.machine import Machine, trace
from qlint.readers.python.operators import truth
from qlint.readers.python.recipes.adapter import FIELDS as ADAPTER_FIELDS
from qlint.readers.python.recipes.adapter import adapter_fields
from qlint.readers.python.recipes.conversion import to_field, unknown_field
from qlint.readers.python.recipes.quantisation import load_keyword, quantisation_fields
from qlint.readers.python.values import (
    Const,
    Instance,
    Unknown,
    Value,
)
from qlint.recipe import ABSENT, Field, Origin, State

_MODEL_FIELDS = (
    "quant_method", "load_in_4bit", "load_in_8bit", "quant_type", "double_quant", "compute_dtype",
    "quant_storage", "model_name", "attn_implementation",
)  # fmt: skip


def last_model(machine: Machine) -> Instance | None:
    """The model that was loaded last, one with an adapter before one without."""
    loaded = [e.target for e in machine.events if e.kind == "loaded" and e.target is not None]
    adapted = [model for model in loaded if model.slots.get("adapter") is not None]
    candidates = adapted or loaded
    return candidates[-1] if candidates else None


def model_fields(
    machine: Machine, model: Instance | None, why: str, holder: Instance | None = None
) -> dict[str, Field]:
    """Fields of the model, its quantisation and its adapter.

    ``holder`` is the Fabric or Lightning trainer, which may quantise the model by a plugin.
    """
    if model is None:
        lost = unknown_field(Unknown(why))
        return dict.fromkeys((*_MODEL_FIELDS, *ADAPTER_FIELDS), lost) | {"kbit_prepare": ABSENT}
    fields = quantisation_fields(machine, model, holder)
    fields.update(adapter_fields(machine, model))
    fields["model_name"] = to_field(_name(model))
    fields["attn_implementation"] = _attention(model)
    kbit = model.slots.data.get("kbit_prepare")
    prepared = kbit is not None and truth(kbit) is not False
    fields["kbit_prepare"] = to_field(kbit) if prepared else ABSENT
    return fields


def _name(model: Instance) -> Value | None:
    name = model.slots.get("name")
    if name is None:
        return Unknown("the model is loaded without a name")
    if isinstance(name, Const) and (name.value is None or name.value == ""):
        return Unknown("no model is named; it is given at run time", name.trace)
    return name


def _attention(model: Instance) -> Field:
    value = load_keyword(model, "attn_implementation")
    if value is None:
        value = load_keyword(model, "_attn_implementation")
    if value is not None and not (isinstance(value, Const) and value.value is None):
        return to_field(value)
    flash = load_keyword(model, "use_flash_attention_2")
    if isinstance(flash, Const) and flash.value:
        return Field(State.SET, "flash_attention_2", to_field(flash).origin)
    via = "default of transformers: sdpa where the model has it"
    return Field(State.DEFAULT, "sdpa", (Origin(via=via),))


def called(node: cst.CSTNode, frame: Frame, value: object, via: str | None = None) -> Field:
    """A field that a call itself decides, with that call as its origin."""
    return to_field(Const(value, trace(frame, node, "literal", via)))


def framework_of(model: Instance | None, trainer_library: str) -> str:
    """The framework of a run, from who loads its model and who trains it."""
    if model is not None and (model.library or "").startswith("unsloth"):
        return "unsloth"
    root = trainer_library.split(".", 1)[0]
    if root in ("trl", "unsloth"):
        return root
    return "transformers"
