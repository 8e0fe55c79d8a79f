"""What scripts have in common that hand their command line to HfArgumentParser."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.readers.frameworks.trainer_arguments import Arguments, attention
from qlint.recipe import Field, Json, State

ADAPTER = ("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")


class Options(Arguments):
    """Arguments of a class of a library, some of them with a default of the script's own."""

    def __init__(
        self,
        sheet: Sheet,
        library: str = "transformers",
        name: str = "TrainingArguments",
        versions: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sheet, library, name, versions)
        sheet.also_known(self.parameters)

    def default(self, key: str) -> Field | None:
        """The script's default of an option, else the library's."""
        return self.sheet.default_of(key) or super().default(key)

    def fill(self) -> None:
        """The fields of the trainer, and what nearly every script says in the same way."""
        super().fill()
        sheet = self.sheet
        sheet.take_all("model_name", "max_seq_length", "trainer")
        sheet.require("model_name")
        sheet.fields["attn_implementation"] = attention(sheet, "attn_implementation")
        # Older releases of the library have arguments that this one lacks: near misses only.
        sheet.note_unknown_keys(near_only=True)


def half_or_full(sheet: Sheet) -> Field:
    """float16 where fp16 is on, else bfloat16 where bf16 is, else float32."""
    for name, dtype in (("fp16", "float16"), ("bf16", "bfloat16")):
        switch = sheet.fields[name]
        if switch.state is State.UNKNOWN:
            return switch
        if switch.value:
            return Field(switch.state, dtype, switch.origin)
    return sheet.by_default("float32", "neither fp16 nor bf16 is on")


def by_bits(sheet: Sheet, key: str, dtype: Field) -> None:
    """A base in as many bits as an option says, computing in ``dtype``; 16 and 32 are whole."""
    bits = sheet.written(key) or sheet.default_of(key)
    if bits is None or bits.state is State.UNKNOWN:
        common.undecided(sheet, bits or sheet.unknown(f"{key} is not known"))
    elif bits.value == 8:
        common.eight_bit(sheet, bits)
    elif bits.value == 4:
        common.four_bit(sheet, bits)
        sheet.take_all("quant_type", "double_quant", "quant_storage")
        sheet.fields["compute_dtype"] = dtype
    else:
        common.not_quantised(sheet)


def split(value: Json) -> Json:
    """Names between commas as a list, and "all-linear" as it is."""
    if isinstance(value, str) and value != "all-linear":
        value = [part.strip() for part in value.strip("[]").split(",") if part.strip()]
    return common.module_list(value)
