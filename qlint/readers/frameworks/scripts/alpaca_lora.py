"""tloen's alpaca-lora, `finetune.py`: an 8-bit base, options by fire."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.processes import ONE_PROCESS
from qlint.readers.frameworks.scripts.options import ADAPTER, Options, split
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, State


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    options = Options(sheet)
    options.fill()
    sheet.take_all(
        "learning_rate", "optim", "per_device_train_batch_size", "num_train_epochs", "warmup",
        "fp16", "bf16", "gradient_checkpointing", *ADAPTER, "modules_to_save",
    )  # fmt: skip
    sheet.fields["use_reentrant"] = options.reentrant()
    if not sheet.fields["model_name"].value:
        sheet.fields["model_name"] = sheet.unknown("--base_model is not given, and it is required")
    sheet.take("target_modules", split)
    sheet.fields["packing"] = ABSENT
    common.eight_bit(sheet, sheet.fact("load_in_8bit"))
    _accumulation(sheet)


def _accumulation(sheet: Sheet) -> None:
    """The whole batch divided by the micro-batch, and among the processes."""
    whole = sheet.written("batch_size") or sheet.default_of("batch_size")
    micro = sheet.fields["per_device_train_batch_size"]
    world = sheet.fields.get("world_size", ONE_PROCESS)
    for part in (micro, world, whole):
        if part is not None and part.state is State.UNKNOWN:
            sheet.fields["gradient_accumulation_steps"] = part
            return
    if whole is None or not all(
        type(part.value) is int and part.value > 0 for part in (whole, micro, world)
    ):
        lost = sheet.unknown("batch_size divided by micro_batch_size, which are no numbers")
        sheet.fields["gradient_accumulation_steps"] = lost
        return
    steps = whole.value // micro.value // world.value
    key = "batch_size" if sheet.node("batch_size") is not None else "micro_batch_size"
    via = "batch_size divided by micro_batch_size and the number of processes"
    sheet.fields["gradient_accumulation_steps"] = sheet.concluded(key, steps, via)
