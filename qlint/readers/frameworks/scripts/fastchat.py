"""FastChat's `train_lora.py`."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import ADAPTER, Options, half_or_full
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, State


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    Options(sheet).fill()
    sheet.fields["packing"] = ABSENT
    sheet.take_all(*ADAPTER, "modules_to_save")
    sheet.take("target_modules", common.module_list)
    if sheet.on("flash_attn"):
        flash = sheet.concluded("flash_attn", "flash_attention_2")
        sheet.fields["attn_implementation"] = flash
    quantised = sheet.written("q_lora", common.boolean)
    if quantised is not None and quantised.state is State.UNKNOWN:
        common.undecided(sheet, quantised)
    elif quantised is not None and quantised.value:
        common.four_bit(sheet, quantised)
        sheet.take_all("quant_type", "double_quant", "quant_storage")
        sheet.fields["compute_dtype"] = half_or_full(sheet)
    else:
        common.not_quantised(sheet)
