"""``--set field=value``: what if this field of the recipe were another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.recipe import FIELD_NAMES, Field, Json, Origin, Recipe, State

_WHOLE = frozenset(
    {
        "lora_r",
        "max_seq_length",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "world_size",
    }
)
"""Fields that take a whole number of at least 1."""
_SWITCHES = frozenset(
    {
        "load_in_4bit",
        "load_in_8bit",
        "double_quant",
        "use_rslora",
        "use_dora",
        "gradient_checkpointing",
        "use_reentrant",
        "packing",
        "bf16",
        "fp16",
        "kbit_prepare",
    }
)


def parse_overrides(texts: Sequence[str]) -> dict[str, Json]:
    """The values by field; raises UsageError for what is no field or no value of it."""
    return dict(_parse(text) for text in texts)


def override(recipe: Recipe, values: dict[str, Json]) -> Recipe:
    """The recipe with these values set."""
    fields = dict(recipe.fields)
    for name, value in values.items():
        fields[name] = Field(State.SET, value, (Origin(via=f"--set {name}"),))
    return replace(recipe, fields=fields)


def _parse(text: str) -> tuple[str, Json]:
    name, equals, written = text.partition("=")
    name = name.strip()
    if not equals:
        raise UsageError(f"--set takes field=value, such as max_seq_length=2048, not {text!r}.")
    if name not in FIELD_NAMES:
        near = did_you_mean(name, FIELD_NAMES)
        raise UsageError(f"--set: no recipe field is called {name!r}{near or '.'}")
    value = _value(written.strip())
    if name in _WHOLE and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UsageError(f"--set {name} takes a whole number of at least 1, not {written!r}.")
    if name in _SWITCHES and not isinstance(value, bool):
        raise UsageError(f"--set {name} takes true or false, not {written!r}.")
    return name, value


def _value(text: str) -> Json:
    """JSON where it is JSON, a list where there are commas, else the text itself."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return json.loads(text)
    except ValueError:
        pass
    if "," in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
