"""The script of the QLoRA paper, `qlora.py`."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import ADAPTER, Options, by_bits, half_or_full
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, State


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    Options(sheet, name="Seq2SeqTrainingArguments").fill()
    sheet.fields["packing"] = ABSENT
    by_bits(sheet, "bits", half_or_full(sheet))
    whole = sheet.written("full_finetune", common.boolean)
    if whole is not None and whole.state is State.UNKNOWN:
        sheet.fields.update(dict.fromkeys(common.ADAPTER_FIELDS, whole))
    elif whole is not None and whole.value:
        common.no_adapter(sheet)
    else:
        sheet.take_all(*ADAPTER, "modules_to_save")
        sheet.fields["target_modules"] = sheet.fact("target_modules")
