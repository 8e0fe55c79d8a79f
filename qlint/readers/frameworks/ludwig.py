"""Ludwig: `ludwig train --config config.yaml` with `model_type: llm`."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping, Scalar
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.recipe import ABSENT, Field, State


def recognise(root: Mapping) -> float:
    """A model of type llm with its base."""
    kind = root.get("model_type")
    if not (isinstance(kind, Scalar) and kind.value == "llm"):
        return 0.0
    return 1.0 if "base_model" in root and "input_features" in root else 0.6


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of Ludwig."""
    trainer = sheet.value("trainer.type")
    if trainer == "none" or (trainer is None and sheet.elsewhere is None):
        raise NotTraining
    sheet.take_all(
        "model_name", "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm",
        "weight_decay", "per_device_train_batch_size", "num_train_epochs", "max_steps",
        "max_seq_length",
    )  # fmt: skip
    sheet.take("gradient_accumulation_steps")
    for name in ("per_device_train_batch_size", "gradient_accumulation_steps"):
        if sheet.fields[name].value == "auto":
            sheet.fields[name] = sheet.unknown("auto: found by trying", f"trainer.{name}")
    default = sheet.by_default({"steps": 0, "ratio": 0.0})
    key = "trainer.learning_rate_scheduler.warmup_fraction"
    sheet.fields["warmup"] = common.warmup(sheet, None, key, default)
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    sheet.fields["use_reentrant"] = ABSENT if off else sheet.by_default(False)
    mixed = sheet.written("trainer.use_mixed_precision", common.boolean)
    sheet.fields["fp16"] = mixed or sheet.by_default(False)
    sheet.fields["bf16"] = sheet.by_default(False)
    sheet.fields["attn_implementation"] = sheet.fact("attn_implementation")
    _adapter(sheet)
    _quantisation(sheet)
    backend = sheet.written("backend.type")
    if backend is not None and backend.value in ("deepspeed", "ddp", "fsdp"):
        sheet.fields["distributed"] = backend
    sheet.note_unknown_keys("adapter")


def _adapter(sheet: Sheet) -> None:
    named = sheet.node("adapter")
    kind = sheet.value("adapter.type") if isinstance(named, Mapping) else sheet.value("adapter")
    if kind != "lora":
        common.no_adapter(sheet)
        return
    sheet.take_all("lora_r", "lora_dropout", "use_rslora", "use_dora", "modules_to_save")
    sheet.take("target_modules", common.module_list)
    if sheet.fields["target_modules"].state is State.ABSENT:
        via = "default of PEFT, by the model's architecture"
        sheet.fields["target_modules"] = sheet.by_default(None, via)
    alpha = sheet.written("adapter.alpha")
    rank = sheet.fields["lora_r"]
    if alpha is None and type(rank.value) is int:
        fact = sheet.knowledge.facts["lora_alpha"]
        via = f"{sheet.knowledge.label}: twice the rank ({fact.source})"
        alpha = sheet.by_default(rank.value * 2, via)
    sheet.fields["lora_alpha"] = alpha or sheet.unknown("twice the rank, which is not known")


def _quantisation(sheet: Sheet) -> None:
    if sheet.node("quantization") is None:
        common.not_quantised(sheet)
        return
    bits = sheet.written("quantization.bits") or sheet.default_of("bits")
    backend = sheet.written("quantization.backend")
    if backend is not None and backend.value not in ("bitsandbytes", None):
        common.other_method(sheet, str(backend.value), backend.origin)
    elif bits is None or bits.state is State.UNKNOWN:
        common.undecided(sheet, bits or sheet.unknown("quantization.bits"))
    elif bits.value == 8:
        common.eight_bit(sheet, bits)
    else:
        switch = Field(State.SET, True, sheet.concluded("quantization", True).origin)
        common.four_bit(sheet, bits if bits.state is State.SET else switch)
        for name in common.DETAILS:
            sheet.take(name, common.dtype if name.endswith(("dtype", "storage")) else None)
