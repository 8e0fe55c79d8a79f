"""transformers' `run_clm.py`: whole models, without an adapter."""

from __future__ import annotations

from qlint.readers.frameworks import common
from qlint.readers.frameworks.scripts.options import Options
from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import ABSENT, State


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of the script."""
    Options(sheet).fill()
    sheet.fields["packing"] = ABSENT
    if sheet.fields["max_seq_length"].state is State.ABSENT:
        reason = "at most 1024, by the model's own length"
        sheet.fields["max_seq_length"] = sheet.unknown(reason)
    common.no_adapter(sheet)
    common.not_quantised(sheet)
