"""Unsloth's `unsloth-cli.py`."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import ADAPTER
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Field, State

_BY_CARD = "hardware-dependent: bfloat16 where the card has it"


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    sheet.take_all(
        "model_name", "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm",
        "weight_decay", "per_device_train_batch_size", "gradient_accumulation_steps",
        "num_train_epochs", "max_steps", "max_seq_length", "packing", "trainer", *ADAPTER,
        "target_modules", "modules_to_save", "attn_implementation",
    )  # fmt: skip
    steps = sheet.default_of("warmup_steps")
    value = {"steps": steps.value if steps is not None else 0, "ratio": 0.0}
    default = sheet.by_default(value, steps.reason if steps is not None else None)
    sheet.fields["warmup"] = common.warmup(sheet, "warmup_steps", None, default)
    sheet.fields["bf16"] = sheet.fields["fp16"] = sheet.unknown(_BY_CARD)
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    sheet.fields["use_reentrant"] = ABSENT if off else sheet.fact("use_reentrant")
    switch = sheet.written("load_in_4bit", common.boolean)
    if switch is not None and switch.state is State.UNKNOWN:
        common.undecided(sheet, switch)
    elif switch is not None and switch.value:
        common.four_bit(sheet, switch)
        sheet.take_all("quant_type", "double_quant", "quant_storage")
        sheet.fields["compute_dtype"] = _compute_dtype(sheet)
    else:
        common.not_quantised(sheet, switch)


def _compute_dtype(sheet: Sheet) -> Field:
    """The model's dtype, where the option says one."""
    return sheet.written("dtype", common.dtype) or sheet.unknown(_BY_CARD)
