"""Questions that several rules ask of a recipe. Every answer is None or False when unsure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from qlint.knowledge.models import Model, billions_in_name, find_model
from qlint.memory.adapter_dtype import adapter_dtype
from qlint.memory.adapters import AdapterMemory, adapter_memory
from qlint.memory.optimizer import OptimizerKind, optimizer_kind
from qlint.memory.step.precision import SIZES
from qlint.recipe import Recipe, State
from qlint.rulebook.rule import Context

_LONGEST_NUMBER = 64

_LANGUAGE_MODELS = ("CausalLM", "LMHeadModel", "FastLanguageModel")

_FOUR_BIT_NAME = re.compile(r"4-?bit|int4|awq|w4a16", re.IGNORECASE)


def has_four_bit_base(recipe: Recipe) -> bool:
    """True where the base is known to be stored in 4 bits, by whatever method."""
    if recipe.value("load_in_4bit") is True:
        return True
    method = recipe.value("quant_method")
    if not isinstance(method, str) or method == "none":
        return False
    if recipe.value("load_in_8bit") is True:
        return False
    return _FOUR_BIT_NAME.search(_model_name(recipe) or "") is not None


def uses_bitsandbytes_four_bit(recipe: Recipe) -> bool:
    """True where bitsandbytes quantises the base to 4 bits, so that its settings apply."""
    return recipe.value("load_in_4bit") is True and recipe.value("quant_method") in (
        "bitsandbytes",
        None,
    )


def trains_adapters(recipe: Recipe) -> bool:
    """True where a LoRA-like adapter is trained, over a base of any precision."""
    return recipe["lora_r"].state in (State.SET, State.DEFAULT)


def predicts_tokens(recipe: Recipe) -> bool:
    """True where the model is known to end in logits over its vocabulary, not in a few labels."""
    kind = recipe.fact("model_class")
    return isinstance(kind, str) and kind.endswith(_LANGUAGE_MODELS)


def number_of(recipe: Recipe, field: str) -> float | None:
    """The value in force as a number.

    One that the loader reads as text counts where the framework turns it back into a number.
    """
    value = recipe.value(field)
    if isinstance(value, str):
        return _number_in(value) if _converts_text(recipe) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value


def _converts_text(recipe: Recipe) -> bool:
    """True for a configuration whose framework makes numbers of texts; a script's own code may
    do anything."""
    if recipe.kind in ("python", "notebook"):
        return False
    from qlint.knowledge.frameworks import framework_named

    owner = framework_named(recipe.framework)
    fact = owner.facts.get("number_as_text") if owner is not None else None
    return fact is not None and fact.value == "number"


def _number_in(text: str) -> float | None:
    try:
        number = float(text[:_LONGEST_NUMBER])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def rank_of(recipe: Recipe) -> int | None:
    """The LoRA rank where it is a positive whole number."""
    rank = recipe.value("lora_r")
    return rank if type(rank) is int and rank > 0 else None


def model_of(recipe: Recipe, context: Context) -> Model | None:
    """The model's shape: that of the recipe, else that of the settings."""
    return find_model(_model_name(recipe) or "") or find_model(context.model or "")


def billions_of(recipe: Recipe, context: Context) -> float | None:
    """Parameters of the base in units of 1e9, from its shape, else from the size in its name."""
    model = model_of(recipe, context)
    if model is not None:
        return model.billions
    return billions_in_name(_model_name(recipe) or context.model or "")


def targets_of(recipe: Recipe) -> str | tuple[str, ...] | None:
    """``target_modules`` as a pattern or as names without repeats."""
    targets = recipe.value("target_modules")
    if isinstance(targets, str):
        return targets
    if isinstance(targets, Sequence) and all(isinstance(name, str) for name in targets):
        return tuple(dict.fromkeys(targets))
    return None


def optimizer_of(recipe: Recipe) -> OptimizerKind | None:
    """The kind of optimizer in force, or None where it is not known."""
    optim = recipe.value("optim")
    return optimizer_kind(optim) if isinstance(optim, str) else None


def adapter_memory_of(
    recipe: Recipe, context: Context, *, rank: int, optimizer: OptimizerKind | None
) -> AdapterMemory | None:
    """Adapter memory of this run at this rank and optimizer, or None where its shape is unclear."""
    model, targets = model_of(recipe, context), targets_of(recipe)
    if model is None or targets is None:
        return None
    dora = recipe.value("use_dora") is True
    return adapter_memory(model, rank, targets, optimizer, dora, adapter_bytes(recipe))


def adapter_bytes(recipe: Recipe) -> int:
    """Bytes of an adapter's element over a quantised base: 4, or 2 where TRL casts to bfloat16."""
    return SIZES[adapter_dtype(recipe, quantised=True, loaded="bfloat16")]


def _model_name(recipe: Recipe) -> str | None:
    name = recipe.value("model_name")
    return name if isinstance(name, str) else None
