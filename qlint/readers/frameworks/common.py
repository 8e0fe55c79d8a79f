"""What the frameworks' readers have in common: quantisation, adapters that are off, warm-up."""

from __future__ import annotations

from collections.abc import Iterable

from qlint.knowledge import libraries
from qlint.readers.dtypes import dtype_name
from qlint.readers.frameworks.sheet import Sheet
from qlint.readers.quantised_names import quantised_by_name
from qlint.recipe import ABSENT, Field, Json, Origin, State

ADAPTER_FIELDS = (
    "lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "target_modules",
    "modules_to_save",
)  # fmt: skip
DETAILS = ("quant_type", "double_quant", "compute_dtype", "quant_storage")
OTHER_SCRIPTS = ("with_tracking", "use_slow_tokenizer", "checkpointing_steps", "use_flash_attn")
"""Keys of scripts that train by a loop of their own and share many of the usual names."""

_NOT_QUANTISED = "no quantisation is configured"


def dtype(value: Json) -> Json:
    """ "bfloat16", "float16" or "float32" for the ways a dtype is written."""
    if value in (16, 32):  # Lightning's precision may be a number.
        return dtype_name(str(value))
    return dtype_name(value) if isinstance(value, str) else value


def module_list(value: Json) -> Json:
    """A list of names without repeats; text as it is, and "all-linear" however it is given."""
    if value == ["all-linear"]:
        return "all-linear"
    if isinstance(value, list):
        return list(dict.fromkeys(str(part) for part in value))
    return value


def boolean(value: Json) -> Json:
    """A switch that may be written as text ("unsloth", "true")."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "no", "0", "none", "off")
    return bool(value)


def not_quantised(sheet: Sheet, four: Field | None = None, eight: Field | None = None) -> None:
    """A base in 16 or 32 bits, or one that is quantised by its name alone.

    ``four`` and ``eight`` are the switches as written, where the framework has them.
    """
    off = sheet.by_default(False, _NOT_QUANTISED)
    fields = sheet.fields
    fields["quant_method"] = sheet.by_default("none", _NOT_QUANTISED)
    fields["load_in_4bit"] = four or off
    fields["load_in_8bit"] = eight or off
    sheet.absent(*DETAILS)
    model = fields.get("model_name", ABSENT)
    if not (model.known and isinstance(model.value, str)):
        return
    named = quantised_by_name(model.value)
    if named is None:
        return
    via = "the base is quantised by its name"
    station = (*model.origin, Origin(via=via))
    fields["quant_method"] = Field(State.SET, named.method, station)
    if named.bits == 4:
        fields["load_in_4bit"] = Field(State.SET, True, station)
        saved = Field(State.UNKNOWN, None, (Origin(via="saved with the quantised checkpoint"),))
        fields.update(dict.fromkeys(DETAILS, saved))
    elif named.bits == 8:
        fields["load_in_8bit"] = Field(State.SET, True, station)


def eight_bit(sheet: Sheet, switch: Field, four: Field | None = None) -> None:
    """A base that bitsandbytes loads in 8 bits."""
    fields = sheet.fields
    fields["quant_method"] = Field(switch.state, "bitsandbytes", switch.origin)
    fields["load_in_8bit"] = Field(switch.state, True, switch.origin)
    fields["load_in_4bit"] = four or sheet.by_default(False, "8-bit is configured")
    sheet.absent(*DETAILS)


def four_bit(sheet: Sheet, switch: Field, eight: Field | None = None) -> None:
    """A base that bitsandbytes loads in 4 bits; the details are the framework's own affair."""
    fields = sheet.fields
    fields["quant_method"] = Field(switch.state, "bitsandbytes", switch.origin)
    fields["load_in_4bit"] = Field(switch.state, True, switch.origin)
    fields["load_in_8bit"] = eight or sheet.by_default(False, "4-bit is configured")


def undecided(sheet: Sheet, switch: Field) -> None:
    """Quantisation that depends on something not known."""
    for name in ("quant_method", "load_in_4bit", "load_in_8bit", *DETAILS):
        sheet.fields[name] = Field(State.UNKNOWN, None, switch.origin)


def other_method(sheet: Sheet, method: str, origin: tuple[Origin, ...]) -> None:
    """A base that something other than bitsandbytes quantises."""
    off = sheet.by_default(False, f"{method} quantises the base")
    sheet.fields["quant_method"] = Field(State.SET, method, origin)
    sheet.fields["load_in_4bit"] = sheet.fields["load_in_8bit"] = off
    sheet.absent(*DETAILS)


def warmup(sheet: Sheet, steps: str | None, ratio: str | None, default: Field | None) -> Field:
    """``{steps, ratio}`` from the keys of the two; set where either is written."""
    parts = {
        "steps": sheet.written(steps) if steps else None,
        "ratio": sheet.written(ratio) if ratio else None,
    }
    for part in parts.values():
        if part is not None and part.state is State.UNKNOWN:
            return part
    given = [part for part in parts.values() if part is not None]
    if not given:
        value = {"steps": 0, "ratio": 0.0}
        return default if default is not None else sheet.by_default(value)
    number = {name: part.value if part is not None else 0 for name, part in parts.items()}
    count = number["steps"]
    if isinstance(count, float) and 0 < count < 1:
        # From transformers 5 a fraction of steps is what warmup_ratio was.
        number = {"steps": 0, "ratio": count}
    share = number["ratio"]
    whole = number["steps"]
    value = {
        "steps": int(whole) if isinstance(whole, float) and whole.is_integer() else whole,
        "ratio": float(share) if isinstance(share, (int, float)) else share,
    }
    return Field(State.SET, value, tuple(station for part in given for station in part.origin))


def default_of_class(sheet: Sheet, name: str, parameter: str) -> Field | None:
    """The default of a parameter of a library's class, by its dotted name: an optimizer's."""
    library, _, rest = name.partition(".")
    if library not in libraries.libraries():
        return None
    found = libraries.parameters(library, rest, sheet.versions).get(parameter)
    if found is None or found.required:
        return None
    return sheet.by_default(found.value, f"default of {name} in {library} {found.version}")


def no_adapter(sheet: Sheet) -> None:
    """Full fine-tuning: nothing about adapters has a meaning."""
    sheet.absent(*ADAPTER_FIELDS)


def forgotten_adapter(sheet: Sheet, keys: Iterable[str], switch: str, turned_on: str) -> None:
    """Note the keys of an adapter where what turns it on is not written at all."""
    written = [key for key in keys if sheet.node(key) is not None]
    if sheet.root.at(switch) is None and switch not in sheet.root and written:
        names = " and ".join([", ".join(written[:-1]), written[-1]] if written[1:] else written)
        verb = "have" if written[1:] else "has"
        message = f"{names} {verb} no effect without {turned_on}"
        sheet.note_ignored_key(written[0], message, turned_on)


def checkpointing_off(sheet: Sheet) -> bool:
    """Whether checkpointing is known to be off; then reentrance has no meaning."""
    field = sheet.fields["gradient_checkpointing"]
    return field.known and not field.value
