"""Axolotl: one flat YAML file, `axolotl train config.yml`."""

from __future__ import annotations

import re

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Alternative, Field, State

_SIGNS = frozenset({
    "adapter", "micro_batch_size", "lora_target_linear", "sample_packing", "sequence_len",
    "val_set_size", "dataset_prepared_path", "num_epochs", "lora_model_dir", "special_tokens",
    "datasets", "chat_template", "wandb_project", "eval_sample_packing", "gradient_checkpointing",
})  # fmt: skip
_ATTENTION = {
    "xformers_attention": "xformers",
    "sage_attention": "sage",
    "flex_attention": "flex_attention",
    "flash_attention": "flash_attention_2",
    "sdp_attention": "sdpa",
    "eager_attention": "eager",
}
_WIDE_STORAGE = r"(?i)jamba|qwen1\.5-moe|qwen2-?57b-a14b|nemotron-?h"
_EMBEDDINGS = ("embed_tokens", "lm_head")
_SHORT = {"flash": "flash_attention_2", "flex": "flex_attention", "sdp": "sdpa"}


def recognise(root: Mapping) -> float:
    """A base model beside keys that only axolotl has."""
    if "base_model" not in root:
        return 0.0
    found = sum(key in root for key in _SIGNS)
    return min(1.0, found / 4) if found >= 2 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of axolotl."""
    sheet.take_all(
        "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm", "weight_decay",
        "per_device_train_batch_size", "num_train_epochs", "max_steps", "max_seq_length",
        "model_name", "trainer",
    )  # fmt: skip
    sheet.take("packing", bool)
    sheet.require("learning_rate", "model_name")
    _accumulation(sheet)
    _precision(sheet)
    _quantisation(sheet)
    _adapter(sheet)
    _checkpointing(sheet)
    sheet.fields["warmup"] = common.warmup(
        sheet, "warmup_steps", "warmup_ratio", sheet.fact("warmup")
    )
    _attention(sheet)
    for name, keys in (("deepspeed", ("deepspeed",)), ("fsdp", ("fsdp", "fsdp_config"))):
        key = next((key for key in keys if sheet.on(key)), None)
        if key is not None:
            sheet.fields["distributed"] = sheet.concluded(key, name)
            break


def _accumulation(sheet: Sheet) -> None:
    if sheet.node("gradient_accumulation_steps") is None:
        total, micro = sheet.value("batch_size"), sheet.value("micro_batch_size")
        if type(total) is int and type(micro) is int and micro > 0:
            via = "batch_size divided by micro_batch_size"
            sheet.fields["gradient_accumulation_steps"] = sheet.concluded(
                "batch_size", total // micro, via
            )
            return
    sheet.take("gradient_accumulation_steps")


def _precision(sheet: Sheet) -> None:
    """bf16 "auto" asks the card; fp16 counts where bf16 is off, and follows an "auto"."""
    brain, half = sheet.written("bf16"), sheet.written("fp16")
    fp16_on = half is not None and half.value is True
    if brain is None:
        brain = sheet.written("bfloat16")
    automatic = brain is None or brain.value == "auto"
    if brain is None and "bf16" in sheet.root:
        # Written as null, which is not the default of "auto".
        automatic = False
        brain = sheet.by_default(False)
    if automatic and not fp16_on:
        reason = "hardware-dependent: bf16 auto, on where the card has it"
        key = "bf16" if brain is not None else None
        sheet.fields["bf16"] = sheet.unknown(reason, key)
        if half is None:
            half = sheet.unknown("hardware-dependent: on where the card has no bfloat16", key)
    elif automatic:
        sheet.fields["bf16"] = sheet.concluded("fp16", False, "fp16 is on, so bf16 auto is off")
    elif brain is not None and brain.known:
        sheet.fields["bf16"] = Field(brain.state, bool(brain.value), brain.origin)
    elif brain is not None:
        sheet.fields["bf16"] = brain
    sheet.fields["fp16"] = half if half is not None else sheet.by_default(False)
    if half is not None and half.known and not automatic and brain is not None and brain.value:
        sheet.fields["fp16"] = Field(half.state, False, half.origin)


def _compute_dtype(sheet: Sheet) -> Field:
    """The model's dtype, as resolve_dtype makes it from the two switches."""
    brain, half = sheet.fields["bf16"], sheet.fields["fp16"]
    if brain.state is State.UNKNOWN:
        return brain
    if brain.value:
        return Field(brain.state, "bfloat16", brain.origin)
    if half.value or sheet.on("float16"):
        return Field(half.state, "float16", half.origin)
    if half.state is State.UNKNOWN:
        return half
    return Field(brain.state, "float32", brain.origin)


def _quantisation(sheet: Sheet) -> None:
    four, eight = sheet.written("load_in_4bit"), sheet.written("load_in_8bit")
    four = _switch(four)
    eight = _switch(eight)
    fields = sheet.fields
    adapter = sheet.value("adapter")
    for switch in (four, eight):
        if switch is not None and switch.state is State.UNKNOWN:
            common.undecided(sheet, switch)
            return
    if four is not None and four.value:
        if adapter == "lora":
            reason = "axolotl quantises to 4 bits for adapter: qlora; older releases for lora too"
            lost = sheet.unknown(reason, "load_in_4bit")
            alternatives = (Alternative(True), Alternative(False))
            common.undecided(sheet, lost)
            fields["load_in_4bit"] = Field(State.UNKNOWN, None, lost.origin, alternatives)
            fields["load_in_8bit"] = eight or sheet.by_default(False)
            return
        common.four_bit(sheet, four, eight)
        for name, key in (
            ("quant_type", "bnb_4bit_quant_type"),
            ("double_quant", "bnb_4bit_use_double_quant"),
            ("quant_storage", "bnb_4bit_quant_storage"),
        ):
            written = sheet.written(f"bnb_config_kwargs.{key}", common.dtype)
            fields[name] = written or sheet.fact(name)
        if _wide_storage(sheet) and sheet.node("bnb_config_kwargs.bnb_4bit_quant_storage") is None:
            fields["quant_storage"] = sheet.fact("wide_quant_storage")
        written = sheet.written("bnb_config_kwargs.bnb_4bit_compute_dtype", common.dtype)
        fields["compute_dtype"] = written or _compute_dtype(sheet)
    elif eight is not None and eight.value:
        common.eight_bit(sheet, eight, four)
    elif sheet.on("gptq"):
        common.other_method(sheet, "gptq", sheet.concluded("gptq", True).origin)
    else:
        common.not_quantised(sheet, four, eight)


def _wide_storage(sheet: Sheet) -> bool:
    """The architectures whose 4-bit weights axolotl stores as float32, on one card."""
    model = str(sheet.value("base_model") or "")
    spread = any(sheet.on(key) for key in ("deepspeed", "fsdp", "fsdp_config"))
    return not spread and re.search(_WIDE_STORAGE, model) is not None


def _switch(field: Field | None) -> Field | None:
    if field is None or not field.known:
        return field
    return Field(field.state, bool(field.value), field.origin)


def _adapter(sheet: Sheet) -> None:
    adapter = sheet.written("adapter")
    if adapter is None:
        common.no_adapter(sheet)
        keys = ("lora_r", "lora_alpha", "lora_target_modules", "lora_target_linear")
        common.forgotten_adapter(sheet, keys, "adapter", "adapter: lora")
        return
    if adapter.state is State.UNKNOWN:
        for name in common.ADAPTER_FIELDS:
            sheet.fields[name] = adapter
        return
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")
    sheet.take("modules_to_save", common.module_list)
    sheet.require("lora_r", "lora_alpha")
    if sheet.on("lora_target_linear") and not _beyond_linear(sheet):
        via = "lora_target_linear: all linear modules"
        sheet.fields["target_modules"] = sheet.concluded("lora_target_linear", "all-linear", via)
    elif sheet.node("lora_target_modules") is not None:
        sheet.take("target_modules", common.module_list)
    elif sheet.node("lora_target_parameters") is not None:
        sheet.fields["target_modules"] = sheet.by_default([])
    else:
        reason = "neither lora_target_linear nor lora_target_modules is written"
        sheet.fields["target_modules"] = sheet.unknown(reason)


def _beyond_linear(sheet: Sheet) -> bool:
    """Whether the modules named beside "all linear" are those, spelt out, and embeddings."""
    named = sheet.value("lora_target_modules")
    if not isinstance(named, list):
        return False
    spelt_out = {"q_proj", "down_proj"} <= set(map(str, named))
    return spelt_out and any(name in _EMBEDDINGS for name in named)


def _checkpointing(sheet: Sheet) -> None:
    """On as well for "offload" and "unsloth"; axolotl's own default is not to be reentrant."""
    field = sheet.take("gradient_checkpointing", common.boolean)
    if field.known and not field.value and sheet.value("activation_offloading") == "hidden_states":
        field = sheet.concluded("activation_offloading", True)
        sheet.fields["gradient_checkpointing"] = field
    if common.checkpointing_off(sheet):
        sheet.fields["use_reentrant"] = ABSENT
        return
    written = sheet.written("gradient_checkpointing_kwargs.use_reentrant")
    if written is None and sheet.node("gradient_checkpointing_kwargs") is not None:
        written = sheet.by_default(False, "default of gradient checkpointing in transformers")
    sheet.fields["use_reentrant"] = written or sheet.fact("use_reentrant")


def _attention(sheet: Sheet) -> None:
    written = sheet.written("attn_implementation", lambda value: _SHORT.get(str(value), value))
    if written is None:
        for key, implementation in _ATTENTION.items():
            if sheet.on(key):
                written = sheet.concluded(key, implementation)
                break
    sheet.fields["attn_implementation"] = written or sheet.fact("attn_implementation")
