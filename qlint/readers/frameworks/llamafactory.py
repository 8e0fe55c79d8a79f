"""LLaMA-Factory: one flat YAML or JSON file, `llamafactory-cli train config.yaml`."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.readers.frameworks.trainer_arguments import Arguments
from qlint.recipe import ABSENT, Field, Json, State

_SIGNS = frozenset({
    "finetuning_type", "stage", "cutoff_len", "template", "lora_target", "lora_rank",
    "quantization_bit", "dataset_dir", "overwrite_cache", "preprocessing_num_workers", "plot_loss",
})  # fmt: skip
_STRONG = ("finetuning_type", "stage", "cutoff_len", "lora_target", "quantization_bit", "template")
_TRAINING = ("learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size")
_ATTENTION = {
    "auto": "sdpa", "sdpa": "sdpa", "disabled": "eager", "fa2": "flash_attention_2",
    "fa3": "flash_attention_3",
}  # fmt: skip


def recognise(root: Mapping) -> float:
    """A model's name beside keys of LLaMA-Factory's own arguments."""
    if "model_name_or_path" not in root or not any(key in root for key in _STRONG):
        return 0.0
    found = sum(key in root for key in _SIGNS)
    if "finetuning_type" in root or "lora_target" in root:
        found += 2
    return min(1.0, found / 4) if found >= 2 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of LLaMA-Factory."""
    if not _trains(sheet):
        raise NotTraining
    versions = {"transformers": str(sheet.knowledge.facts["transformers"].value)}
    arguments = Arguments(sheet, "transformers", "TrainingArguments", versions)
    arguments.fill()
    sheet.also_known(arguments.parameters)
    sheet.take_all("model_name", "max_seq_length")
    sheet.require("model_name")
    _packing(sheet)
    _precision(sheet)
    _quantisation(sheet)
    _adapter(sheet)
    _checkpointing(sheet)
    attention = sheet.written("flash_attn", lambda value: _ATTENTION.get(str(value), value))
    sheet.fields["attn_implementation"] = attention or sheet.fact("attn_implementation")


def _trains(sheet: Sheet) -> bool:
    switch = sheet.root.get("do_train")
    if switch is not None:
        return sheet.value("do_train") not in (False, 0)
    if sheet.node("export_dir") is not None:
        return False
    if sheet.elsewhere is not None or any(sheet.node(key) is not None for key in _TRAINING):
        sheet.assumptions.append("do_train is given")
        return True
    return False


def _packing(sheet: Sheet) -> None:
    if sheet.on("neat_packing"):
        sheet.fields["packing"] = sheet.concluded("neat_packing", True)
        return
    written = sheet.written("packing", bool)
    pretraining = sheet.value("stage") == "pt"
    default = sheet.by_default(pretraining, f"{sheet.knowledge.label}: on for stage pt")
    sheet.fields["packing"] = written or default


def _precision(sheet: Sheet) -> None:
    if sheet.on("pure_bf16"):
        sheet.fields["pure"] = sheet.concluded("pure_bf16", True)


def _compute_dtype(sheet: Sheet) -> Field:
    """bf16, pure_bf16 or fp16 decide it; without them the card and the checkpoint do."""
    pure = sheet.fields.pop("pure", None)
    if pure is not None:
        return Field(State.SET, "bfloat16", pure.origin)
    for name, dtype in (("bf16", "bfloat16"), ("fp16", "float16")):
        field = sheet.fields[name]
        if field.state is State.UNKNOWN:
            return field
        if field.value:
            return Field(State.SET, dtype, field.origin)
    return sheet.unknown("hardware-dependent: neither bf16 nor fp16 is on")


def _quantisation(sheet: Sheet) -> None:
    dtype = _compute_dtype(sheet)
    bits = sheet.written("quantization_bit")
    if bits is None:
        common.not_quantised(sheet)
        return
    if bits.state is State.UNKNOWN:
        common.undecided(sheet, bits)
        return
    method = sheet.value("quantization_method") or "bnb"
    if method not in ("bnb", "bitsandbytes"):
        common.other_method(sheet, str(method), bits.origin)
    elif bits.value == 8:
        common.eight_bit(sheet, bits)
    else:
        common.four_bit(sheet, bits)
        sheet.take_all("quant_type", "double_quant")
        sheet.fields["compute_dtype"] = sheet.fields["quant_storage"] = dtype


def _adapter(sheet: Sheet) -> None:
    kind = sheet.value("finetuning_type") or "lora"
    if kind != "lora":
        common.no_adapter(sheet)
        return
    sheet.take_all("lora_r", "lora_dropout", "use_rslora", "use_dora")
    sheet.take("target_modules", _targets)
    sheet.take("modules_to_save", _split)
    alpha = sheet.written("lora_alpha")
    if alpha is None:
        rank = sheet.fields["lora_r"]
        if type(rank.value) is int:
            via = f"{sheet.knowledge.label}: twice the rank ({_source(sheet)})"
            alpha = sheet.by_default(rank.value * 2, via)
        else:
            alpha = sheet.unknown("twice the rank, which is not known", "lora_rank")
    sheet.fields["lora_alpha"] = alpha


def _source(sheet: Sheet) -> str:
    return sheet.knowledge.facts["lora_alpha"].source


def _split(value: Json) -> Json:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return common.module_list(value)


def _targets(value: Json) -> Json:
    names = _split(value)
    return "all-linear" if names == ["all"] else names


def _checkpointing(sheet: Sheet) -> None:
    """On unless it is switched off, whatever the Trainer's own argument says."""
    off = sheet.written("disable_gradient_checkpointing", bool)
    asked = sheet.fields["gradient_checkpointing"]
    if off is not None and off.state is State.UNKNOWN:
        effective = off
    elif off is not None and not (off.value and asked.value):
        effective = Field(State.SET, not off.value, off.origin)
    elif asked.value and asked.state is State.SET:
        effective = asked
    else:
        effective = sheet.fact("gradient_checkpointing")
    sheet.fields["gradient_checkpointing"] = effective
    if common.checkpointing_off(sheet):
        sheet.fields["use_reentrant"] = ABSENT
    else:
        sheet.take("use_reentrant")
