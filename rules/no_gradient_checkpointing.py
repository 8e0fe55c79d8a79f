"""QL102: activations kept in full beside a 4-bit base."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.memory.card import usable_bytes
from qlint.memory.quantisation import bits_per_parameter
from qlint.memory.targets import adapted_linears
from qlint.memory.uncheckpointed import peak_bytes
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.recipe_facts import (
    adapter_memory_of,
    has_four_bit_base,
    model_of,
    number_of,
    optimizer_of,
    rank_of,
    targets_of,
    trains_adapters,
)
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

OPTIONS = {
    "spare": Option(0.2, "share of the card that has to stay free for the finding to be info"),
}

_FIELDS = ("gradient_checkpointing", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report effective checkpointing that is off."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if recipe.value("gradient_checkpointing") is not False:
        return None
    four_bit = has_four_bit_base(recipe)
    peak, card = _peak(recipe, context), usable_bytes(context.gpu or "")
    fits = None if peak is None or card is None else peak <= card * (1 - context.options["spare"])
    if not four_bit and not (_is_plain_lora(recipe) and fits is False):
        return None
    base = "a 4-bit base" if four_bit else "a 16-bit base that leaves too little room"
    field = recipe["gradient_checkpointing"]
    return build_finding(
        context,
        recipe,
        ("gradient_checkpointing", "load_in_4bit"),
        f"Gradient checkpointing is {described(field, 'off')} beside {base}: weights shrink, "
        "activations do not.",
        severity=Severity.INFO if fits else None,
        impact=_impact(peak, card, recipe, context),
        supporting=(
            "torchtune: -42 % memory; PEFT PR#3157: 18.4 to 11.3 GB",
            "QLoRA paper, section 2: LoRA input gradients 567 to 18 MB a sequence",
        ),
        opposing=("it costs time: -21 % speed (torchtune), 29 to 38 s (PEFT PR#3157)",),
        settle=f"qlint plan {recipe.source.path}, then qlint probe {recipe.source.path} "
        "--only activations",
        fix="Set gradient_checkpointing=True in the training arguments, or leave "
        "prepare_model_for_kbit_training at its default.",
    )


def _is_plain_lora(recipe: Recipe) -> bool:
    return trains_adapters(recipe) and recipe.value("quant_method") == "none"


def _peak(recipe: Recipe, context: Context) -> int | None:
    """Predicted peak of this run as it is, or None where a figure it needs is not known."""
    model, targets, rank = model_of(recipe, context), targets_of(recipe), rank_of(recipe)
    batch = number_of(recipe, "per_device_train_batch_size")
    length = number_of(recipe, "max_seq_length")
    if model is None or targets is None or rank is None or batch is None or length is None:
        return None
    adapters = adapter_memory_of(recipe, context, rank=rank, optimizer=optimizer_of(recipe))
    adapted = adapted_linears(model, targets)
    if adapters is None or adapted is None:
        return None
    tokens = int(batch * length)
    if not has_four_bit_base(recipe):
        return peak_bytes(model, tokens, adapters, adapted, 16, float32_stream=False)
    # Preparation may happen inside the trainer, so the costlier case is assumed.
    bits = bits_per_parameter(recipe.value("double_quant") is True)
    return peak_bytes(model, tokens, adapters, adapted, bits)


def _impact(peak: int | None, card: int | None, recipe: Recipe, context: Context) -> str:
    if peak is None:
        return "Activations grow with batch, sequence and depth, and are kept for the backward."
    batch, length = recipe.value("per_device_train_batch_size"), recipe.value("max_seq_length")
    predicted = f"Predicted peak at {batch} x {length} tokens: at most about {gigabytes(peak)}"
    if card is None:
        return f"{predicted}."
    return f"{predicted}; {context.gpu} leaves {gigabytes(card)}."
