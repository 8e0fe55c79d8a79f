"""PEFT's example of supervised fine-tuning, `examples/sft/train.py`."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import ADAPTER, Options, split
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import Field, State


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    options = Options(sheet, "trl", "SFTConfig")
    options.fill()
    sheet.fields["packing"] = options.field("packing") or sheet.by_default(False)
    if sheet.fields["max_seq_length"].value is None:
        length = options.default("max_length") or options.default("max_seq_length")
        sheet.fields["max_seq_length"] = length or sheet.unknown("the default of SFTConfig")
    _adapter(sheet)
    _quantisation(sheet)
    if not common.checkpointing_off(sheet):
        # The script hands its own option to the trainer, whatever the trainer's arguments say.
        reentrant = sheet.written("use_reentrant", common.boolean)
        reentrant = reentrant or sheet.default_of("use_reentrant")
        sheet.fields["use_reentrant"] = reentrant or sheet.by_default(False)
    if sheet.on("use_flash_attn"):
        flash = sheet.concluded("use_flash_attn", "flash_attention_2")
        sheet.fields["attn_implementation"] = flash


def _adapter(sheet: Sheet) -> None:
    switch = sheet.written("use_peft_lora", common.boolean)
    if switch is None or (switch.known and not switch.value):
        common.no_adapter(sheet)
    elif not switch.known:
        sheet.fields.update(dict.fromkeys(common.ADAPTER_FIELDS, switch))
    else:
        sheet.take_all(*ADAPTER, "modules_to_save")
        sheet.take("target_modules", split)


def _quantisation(sheet: Sheet) -> None:
    four, eight = _switch(sheet, "use_4bit_quantization"), _switch(sheet, "use_8bit_quantization")
    for switch in (four, eight):
        if switch is not None and switch.state is State.UNKNOWN:
            common.undecided(sheet, switch)
            return
    if four is not None and four.value:
        common.four_bit(sheet, four, eight)
        sheet.take_all("quant_type", "double_quant")
        sheet.take("compute_dtype", common.dtype)
        sheet.take("quant_storage", common.dtype)
    elif eight is not None and eight.value:
        common.eight_bit(sheet, eight, four)
    else:
        common.not_quantised(sheet, four, eight)


def _switch(sheet: Sheet, key: str) -> Field | None:
    return sheet.written(key, common.boolean)
