"""``--set field=value``: what if this field of the recipe were another.

What the memory model would read past is refused: a plan that ignores what it was asked for looks
like an answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from qlint.errors import UsageError
from qlint.memory.from_recipe import ATTENTION, DTYPES, FOUR_BIT_METHODS
from qlint.memory.optimizer import optimizer_kind
from qlint.memory.processes import DISTRIBUTION
from qlint.near_names import did_you_mean
from qlint.recipe import FIELD_NAMES, Field, Json, Origin, Recipe, State

_LARGEST = 100_000_000
_PRECISIONS = tuple(DTYPES)


def parse_overrides(texts: Sequence[str]) -> dict[str, Json]:
    """The values by field, with what they imply for others.

    Raises UsageError for what is no field, no value of it, or contradicts another.
    """
    values = dict(_parse(text) for text in texts)
    for pair in (("load_in_4bit", "load_in_8bit"), ("bf16", "fp16")):
        if all(values.get(name) is True for name in pair):
            raise UsageError(f"--set: {' and '.join(pair)} exclude each other.")
    implied: dict[str, Json] = {}
    for name, value in values.items():
        implied |= _IMPLIED.get((name, value if isinstance(value, (bool, str)) else None), {})
    return {**implied, **values}


def override(recipe: Recipe, values: dict[str, Json]) -> Recipe:
    """The recipe with these values set."""
    fields = dict(recipe.fields)
    for name, value in values.items():
        fields[name] = Field(State.SET, value, (Origin(via=f"--set {name}"),))
    return replace(recipe, fields=fields)


def _parse(text: str) -> tuple[str, Json]:
    name, equals, written = text.partition("=")
    name, written = name.strip(), written.strip()
    if not equals:
        raise UsageError(
            f"--set takes field=value, such as max_seq_length=2048, not {text[:100]!r}."
        )
    if name in _ELSEWHERE:
        raise UsageError(f"--set {name}: {_ELSEWHERE[name]}.")
    if name not in FIELD_NAMES:
        near = did_you_mean(name, FIELD_NAMES)
        raise UsageError(f"--set: no recipe field is called {name[:100]!r}{near or '.'}")
    value = _value(written)
    takes, accepts = _VALUES.get(name, _ANYTHING)
    if not accepts(value):
        raise UsageError(f"--set {name} takes {takes}, not {written[:100]!r}.")
    return name, value


def _value(text: str) -> Json:
    """JSON where it is JSON, a list where there are commas, else the text itself."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if "," in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


_Values = tuple[str, Callable[[Json], bool]]
"""What a field takes, in words, and whether a value is one of it."""


def _one_of(*choices: str) -> _Values:
    return f"one of {', '.join(choices)}", lambda value: value in choices


def _is_number(value: Json) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


_ANYTHING: _Values = "anything", lambda value: True
_WHOLE: _Values = (
    f"a whole number of at least 1 and at most {_LARGEST}",
    lambda value: type(value) is int and 1 <= value <= _LARGEST,
)
_NUMBER: _Values = "a number of at least 0", lambda value: _is_number(value) and value >= 0
_SHARE: _Values = "a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1
_SWITCH: _Values = "true or false", lambda value: isinstance(value, bool)
_OPTIMIZER: _Values = (
    "the name of an optimizer that transformers has, such as adamw_torch or paged_adamw_8bit",
    lambda value: isinstance(value, str) and optimizer_kind(value) is not None,
)
_VALUES: dict[str, _Values] = {
    **dict.fromkeys(
        (
            "lora_r",
            "max_seq_length",
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "world_size",
        ),
        _WHOLE,
    ),
    **dict.fromkeys(
        (
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
        ),
        _SWITCH,
    ),
    **dict.fromkeys(
        ("lora_alpha", "learning_rate", "max_grad_norm", "weight_decay", "num_train_epochs"),
        _NUMBER,
    ),
    "lora_dropout": _SHARE,
    "quant_method": _one_of("bitsandbytes", "none", *sorted(FOUR_BIT_METHODS)),
    "quant_type": _one_of("nf4", "fp4"),
    "compute_dtype": _one_of(*_PRECISIONS),
    "quant_storage": _one_of("uint8", *_PRECISIONS),
    "optim": _OPTIMIZER,
    "model_name": (
        "a model's name, or the path of its config.json",
        lambda value: isinstance(value, str) and value != "",
    ),
    "attn_implementation": _one_of(*ATTENTION),
    "distributed": _one_of("none", *DISTRIBUTION),
    "target_modules": (
        "module names with commas, all-linear or a pattern",
        lambda value: (
            isinstance(value, (str, list))
            and bool(value)
            and (isinstance(value, str) or _are_names(value))
        ),
    ),
    "modules_to_save": (
        "module names as a JSON list or with commas, or null",
        lambda value: value is None or _are_names(value),
    ),
}
_IMPLIED: dict[tuple[str, bool | str | None], dict[str, Json]] = {
    ("quant_method", "none"): {"load_in_4bit": False, "load_in_8bit": False},
    ("load_in_4bit", True): {"load_in_8bit": False, "quant_method": "bitsandbytes"},
    ("load_in_8bit", True): {"load_in_4bit": False, "quant_method": "bitsandbytes"},
    ("bf16", True): {"fp16": False},
    ("fp16", True): {"bf16": False},
}
"""What else changes with a value, unless it is set too."""
_ELSEWHERE = {
    "framework": "a plan keeps the framework of the input",
    "effective_batch_size": "it follows from per_device_train_batch_size, "
    "gradient_accumulation_steps and world_size; set one of them",
}
"""Fields that cannot be set by themselves, and what to do instead."""
