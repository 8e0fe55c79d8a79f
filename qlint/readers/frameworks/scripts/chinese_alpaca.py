"""Chinese-LLaMA-Alpaca's `run_clm_sft_with_peft.py` and `run_clm_pt_with_peft.py`."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import ADAPTER, Options, by_bits, half_or_full, split
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, State

_OF_SECOND = ("load_in_kbits", "use_flash_attention_2", "full_finetuning", "double_quant")
"""Options that only the second version of the script has."""


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    Options(sheet).fill()
    sheet.fields["packing"] = ABSENT
    if sheet.node("max_seq_length") is None and not any(key in sheet.root for key in _OF_SECOND):
        reason = "512 in Chinese-LLaMA-Alpaca, 1024 in Chinese-LLaMA-Alpaca-2"
        sheet.fields["max_seq_length"] = sheet.unknown(reason)
    by_bits(sheet, "load_in_kbits", half_or_full(sheet))
    whole = sheet.written("full_finetuning", common.boolean)
    if whole is not None and whole.state is State.UNKNOWN:
        sheet.fields.update(dict.fromkeys(common.ADAPTER_FIELDS, whole))
    elif whole is not None and whole.value:
        common.no_adapter(sheet)
    else:
        sheet.take_all(*ADAPTER)
        sheet.take("target_modules", split)
        sheet.take("modules_to_save", split)
    if sheet.on("use_flash_attention_2"):
        flash = sheet.concluded("use_flash_attention_2", "flash_attention_2")
        sheet.fields["attn_implementation"] = flash
