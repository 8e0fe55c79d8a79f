"""Unsloth's own configurations, of its command line and its studio: `unsloth train --config`."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Json, State

_TRAINING = ("training_type", "max_seq_length", "load_in_4bit", "num_epochs", "batch_size",
             "gradient_checkpointing", "train_on_completions", "random_seed")  # fmt: skip
_LORA = ("lora_r", "use_rslora", "use_loftq", "finetune_language_layers", "vision_all_linear",
         "target_modules")  # fmt: skip

_OF_LORA = frozenset({
    "lora_r", "lora_alpha", "lora_dropout", "target_modules", "vision_all_linear", "use_rslora",
    "use_loftq", "use_dora", "finetune_vision_layers", "finetune_language_layers",
    "finetune_attention_modules", "finetune_mlp_modules",
})  # fmt: skip


def recognise(root: Mapping) -> float:
    """A block of training and one of LoRA, both with Unsloth's keys."""
    training, lora = root.get("training"), root.get("lora")
    if not (isinstance(training, Mapping) and isinstance(lora, Mapping)):
        return 0.0
    found = sum(key in training for key in _TRAINING) + sum(key in lora for key in _LORA)
    special = any(key in training for key in ("train_on_completions", "training_type"))
    return 1.0 if special and found >= 4 else 0.0


def located(key: str, root: Mapping) -> str:
    """In the block that has the key: those of its command line have no prefix."""
    if key == "model" or "." in key:
        return key
    return f"lora.{key}" if key in _OF_LORA else f"training.{key}"


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of Unsloth's trainer."""
    sheet.take_all(
        "model_name", "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm",
        "weight_decay", "per_device_train_batch_size", "gradient_accumulation_steps",
        "num_train_epochs", "max_steps", "max_seq_length", "packing",
    )  # fmt: skip
    sheet.require("model_name")
    steps = sheet.default_of("warmup_steps")
    value = {"steps": steps.value if steps is not None else 5, "ratio": 0.0}
    default = sheet.by_default(value, steps.reason if steps is not None else None)
    keys = ("training.warmup_steps", "training.warmup_ratio")
    sheet.fields["warmup"] = common.warmup(sheet, *keys, default)
    reason = "hardware-dependent: Unsloth takes bfloat16 where the card has it"
    sheet.fields["bf16"] = sheet.fields["fp16"] = sheet.unknown(reason)
    _checkpointing(sheet)
    kind = sheet.written("training.training_type") or sheet.by_default("lora")
    if kind.state is State.UNKNOWN:
        common.undecided(sheet, kind)
        for name in common.ADAPTER_FIELDS:
            sheet.fields[name] = kind
    elif kind.value == "full":
        common.no_adapter(sheet)
        common.not_quantised(sheet)
    else:
        _adapter(sheet)
        _quantisation(sheet)
    sheet.fields["attn_implementation"] = sheet.fact("attn_implementation")
    sheet.note_unknown_keys("training")
    sheet.note_unknown_keys("lora")


def _adapter(sheet: Sheet) -> None:
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora",
                   "modules_to_save")  # fmt: skip
    if sheet.on("lora.vision_all_linear"):
        found = sheet.concluded("lora.vision_all_linear", "all-linear")
        sheet.fields["target_modules"] = found
    else:
        sheet.take("target_modules", _targets)


def _targets(value: Json) -> Json:
    if isinstance(value, str) and value != "all-linear":
        return [part.strip() for part in value.split(",") if part.strip()]
    return common.module_list(value)


def _quantisation(sheet: Sheet) -> None:
    switch = sheet.written("training.load_in_4bit", common.boolean)
    switch = switch or sheet.default_of("load_in_4bit")
    if switch is not None and switch.state is State.UNKNOWN:
        common.undecided(sheet, switch)
    elif switch is None or not switch.value:
        common.not_quantised(sheet, switch)
    else:
        common.four_bit(sheet, switch)
        for name in ("quant_type", "double_quant", "quant_storage"):
            sheet.fields[name] = sheet.fact(name)
        reason = "hardware-dependent: Unsloth takes bfloat16 where the card has it"
        sheet.fields["compute_dtype"] = sheet.unknown(reason)


def _checkpointing(sheet: Sheet) -> None:
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    sheet.fields["use_reentrant"] = ABSENT if off else sheet.fact("use_reentrant")
