"""torchtune: components by name, `tune run lora_finetune_single_device --config config.yaml`.

Target modules are given by the names that PEFT has for them, by torchtune's own table for
exporting an adapter, so that recipes of all frameworks can be compared.
"""

from __future__ import annotations

import re
from dataclasses import replace

from qlint.readers.documents.nodes import Mapping, Scalar, Sequence
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Field, Json, State

_PEFT_NAMES = {"output_proj": "o_proj", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj",
               "output": "lm_head"}  # fmt: skip
_SCHEDULES = {
    "get_cosine_schedule_with_warmup": "cosine",
    "get_rex_scheduler": "rex",
    "get_constant_schedule": "constant",
    "get_linear_schedule_with_warmup": "linear",
}
_OTHERS = "torchtune quantises here only the linear layers that get an adapter"
_DISTRIBUTED = ("fsdp_cpu_offload", "fsdp_sharding_strategy", "tensor_parallel_dim",
                "data_parallel_shard_dim", "fsdp_reshard_after_forward")  # fmt: skip


def recognise(root: Mapping) -> float:
    """A model and an optimizer that are components."""
    parts = [root.get("model"), root.get("optimizer")]
    if not all(isinstance(part, Mapping) and "_component_" in part for part in parts):
        return 0.0
    return 1.0


def located(key: str, root: Mapping) -> str:
    """A component that is given as a whole is given by its name."""
    old = root.at(key)
    return f"{key}._component_" if isinstance(old, Mapping) and "_component_" in old else key


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of torchtune."""
    sheet.take_all(
        "learning_rate", "optim", "per_device_train_batch_size", "gradient_accumulation_steps",
        "num_train_epochs", "model_name", "max_seq_length", "max_grad_norm",
    )  # fmt: skip
    sheet.require("learning_rate", "optim")
    _steps(sheet)
    _precision(sheet)
    _weight_decay(sheet)
    _schedule(sheet)
    _model(sheet)
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    sheet.fields["use_reentrant"] = ABSENT if off else sheet.fact("use_reentrant")
    sheet.fields["packing"] = _packing(sheet)
    sheet.fields["attn_implementation"] = sheet.fact("attn_implementation")
    key = next((key for key in _DISTRIBUTED if sheet.node(key) is not None), None)
    if key is not None:
        via = f"{key}: a key of the distributed recipes"
        sheet.fields["distributed"] = sheet.concluded(key, "fsdp", via)


def _steps(sheet: Sheet) -> None:
    """``max_steps_per_epoch`` times epochs; without it the data decide."""
    limit, epochs = sheet.written("max_steps_per_epoch"), sheet.fields["num_train_epochs"]
    if limit is None:
        sheet.absent("max_steps")
    elif type(limit.value) is int and type(epochs.value) is int:
        sheet.fields["max_steps"] = Field(State.SET, limit.value * epochs.value, limit.origin)
    else:
        sheet.fields["max_steps"] = sheet.unknown("max_steps_per_epoch times the epochs",
                                                  "max_steps_per_epoch")  # fmt: skip


def _precision(sheet: Sheet) -> None:
    written = sheet.written("dtype", common.dtype)
    if written is None or not written.known:
        lost = written or sheet.unknown("torchtune needs dtype")
        sheet.fields["bf16"] = sheet.fields["fp16"] = lost
        return
    for name, dtype in (("bf16", "bfloat16"), ("fp16", "float16")):
        sheet.fields[name] = Field(State.SET, written.value == dtype, written.origin)


def _weight_decay(sheet: Sheet) -> None:
    if sheet.take("weight_decay").state is not State.ABSENT:
        return
    name = str(sheet.value("optimizer._component_") or "")
    default = common.default_of_class(sheet, name, "weight_decay")
    if default is not None:
        sheet.fields["weight_decay"] = default


def _schedule(sheet: Sheet) -> None:
    """Without a scheduler the rate stays as it is."""

    def schedule(value: Json) -> Json:
        last = str(value).rsplit(".", 1)[-1]
        return _SCHEDULES.get(last, last)

    written = sheet.written("lr_scheduler._component_", schedule)
    if written is None:
        sheet.absent("lr_scheduler_type", "warmup")
        return
    sheet.fields["lr_scheduler_type"] = written
    sheet.fields["warmup"] = common.warmup(sheet, "lr_scheduler.num_warmup_steps", None, None)


def _model(sheet: Sheet) -> None:
    component = sheet.written("model._component_")
    component = component or sheet.unknown("model is not written here")
    if component.state is State.UNKNOWN:
        common.undecided(sheet, component)
        for name in common.ADAPTER_FIELDS:
            given = [sheet.written(key) for key in sheet.knowledge.fields.get(name, ())]
            sheet.fields[name] = next((one for one in given if one is not None), component)
        return
    name = str(component.value).rsplit(".", 1)[-1]
    if "lora_" not in name:
        common.not_quantised(sheet)
        common.no_adapter(sheet)
        return
    _adapter(sheet)
    _quantisation(sheet, component, name)
    sheet.note_unknown_keys("model")


def _quantisation(sheet: Sheet, component: Field, name: str) -> None:
    """The base in torchao's NF4; what is not a linear layer of a block, and the output, is not."""
    switch = sheet.written("model.quantize_base", common.boolean)
    if switch is None and name.startswith("qlora_"):
        via = "qlora builder: quantises the base"
        renamed = replace(component.origin[-1], via=via)
        switch = Field(State.SET, True, (*component.origin[:-1], renamed))
    if switch is not None and switch.state is State.UNKNOWN:
        common.undecided(sheet, switch)
    elif switch is None or not switch.value:
        common.not_quantised(sheet)
    else:
        common.other_method(sheet, "torchao", switch.origin)
        sheet.fields["quant_type"] = sheet.fact("quant_type")
        sheet.fields["double_quant"] = sheet.fact("double_quant")
        dtype = sheet.written("dtype", common.dtype)
        sheet.fields["compute_dtype"] = dtype or ABSENT
        if _leaves_others(sheet, name):
            sheet.assumptions.append(_OTHERS)


def _leaves_others(sheet: Sheet, name: str) -> bool:
    """Whether linear layers without an adapter stay as they are: FrozenNF4Linear came in 0.3.

    It has been in the builders of all models but Qwen2's since then (0.3.1 to 0.6.1).
    """
    version = sheet.versions.get("torchtune") or sheet.knowledge.version
    numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return "qwen2" in name or numbers < [0, 3]


def _adapter(sheet: Sheet) -> None:
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_dora", "use_rslora",
                   "modules_to_save")  # fmt: skip
    attention = sheet.written("model.lora_attn_modules", common.module_list)
    if attention is None:
        reason = "lora_attn_modules is not written and torchtune has no default"
        sheet.fields["target_modules"] = sheet.unknown(reason)
        return
    if not attention.known or not isinstance(attention.value, list):
        sheet.fields["target_modules"] = attention
        return
    names, origin = list(attention.value), list(attention.origin)
    for key, further in (
        ("model.apply_lora_to_mlp", ["w1", "w2", "w3"]),
        ("model.apply_lora_to_output", ["output"]),
    ):
        switch = sheet.written(key, common.boolean)
        if switch is not None and switch.state is State.UNKNOWN:
            sheet.fields["target_modules"] = switch
            return
        if switch is not None and switch.value:
            names += further
            origin += switch.origin
    peft = list(dict.fromkeys(_PEFT_NAMES.get(name, name) for name in names))
    sheet.fields["target_modules"] = Field(State.SET, peft, tuple(origin))


def _packing(sheet: Sheet) -> Field:
    """Of the data set, or of any where several are joined."""
    data = sheet.node("dataset")
    if isinstance(data, Sequence):
        for item in data.items:
            packed = item.get("packed") if isinstance(item, Mapping) else None
            if isinstance(packed, Scalar) and packed.value is True:
                return Field(State.SET, True, sheet.origins(packed, "dataset.packed"))
        return sheet.by_default(False)
    written = sheet.written("dataset.packed", common.boolean)
    return written or sheet.by_default(False, f"default of {sheet.knowledge.label}")
