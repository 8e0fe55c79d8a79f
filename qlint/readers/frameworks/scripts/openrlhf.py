"""OpenRLHF's `openrlhf.cli.train_sft`, with its options of before and after 2026-04."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.processes import ONE_PROCESS
from qlint.readers.frameworks.scripts.options import ADAPTER
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, Field, State

_WHOLE = ("train.batch_size", "train_batch_size")
_FOUR = ("ds.load_in_4bit", "load_in_4bit")


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the program."""
    sheet.take_all(
        "model_name", "learning_rate", "lr_scheduler_type", "max_grad_norm", "weight_decay",
        "per_device_train_batch_size", "num_train_epochs", "max_steps", "max_seq_length",
        "packing", "trainer", "optim", "attn_implementation",
    )  # fmt: skip
    sheet.require("model_name")
    ratio = sheet.default_of("lr_warmup_ratio")
    value = {"steps": 0, "ratio": ratio.value if ratio is not None else 0.03}
    default = sheet.by_default(value, ratio.reason if ratio is not None else None)
    sheet.fields["warmup"] = common.warmup(sheet, None, "lr_warmup_ratio", default)
    sheet.take("gradient_checkpointing", common.boolean)
    sheet.take("use_reentrant", common.boolean)
    if common.checkpointing_off(sheet):
        sheet.fields["use_reentrant"] = ABSENT
    _precision(sheet)
    _accumulation(sheet)
    distributed = sheet.by_default("deepspeed", f"{sheet.knowledge.label} trains by DeepSpeed")
    sheet.fields["distributed"] = distributed
    rank = sheet.take("lora_r")
    if rank.known and not rank.value:
        common.no_adapter(sheet)
    else:
        sheet.take_all(*ADAPTER, "modules_to_save")
        sheet.take("target_modules", common.module_list)
    four = next((one for key in _FOUR if (one := sheet.written(key, common.boolean))), None)
    if four is not None and four.state is State.UNKNOWN:
        common.undecided(sheet, four)
    elif four is not None and four.value:
        common.four_bit(sheet, four)
        sheet.take_all("quant_type", "double_quant", "compute_dtype", "quant_storage")
    else:
        common.not_quantised(sheet, four)


def _precision(sheet: Sheet) -> None:
    written = sheet.written("bf16", common.boolean)
    if written is not None:
        sheet.fields["bf16"] = written
        sheet.fields["fp16"] = sheet.by_default(False)
        return
    dtype = sheet.written("ds.param_dtype") or sheet.default_of("ds.param_dtype")
    for name in ("bf16", "fp16"):
        if dtype is None or dtype.state is State.UNKNOWN:
            sheet.fields[name] = dtype or sheet.by_default(False)
        else:
            sheet.fields[name] = Field(dtype.state, dtype.value == name, dtype.origin)


def _accumulation(sheet: Sheet) -> None:
    """The global batch divided among the processes and their micro-batches."""
    whole = next((one for key in _WHOLE if (one := sheet.written(key))), None)
    whole = whole or sheet.default_of("train.batch_size")
    micro = sheet.fields["per_device_train_batch_size"]
    world = sheet.fields.get("world_size", ONE_PROCESS)
    values = [part.value for part in (whole, micro, world) if part is not None and part.known]
    if whole is None or len(values) != 3 or not all(type(one) is int and one > 0 for one in values):
        reason = "the global batch divided by processes and micro-batch, not all of them known"
        sheet.fields["gradient_accumulation_steps"] = sheet.unknown(reason)
        return
    steps = max(1, values[0] // values[1] // values[2])
    found = Field(whole.state, steps, whole.origin)
    sheet.fields["gradient_accumulation_steps"] = found
