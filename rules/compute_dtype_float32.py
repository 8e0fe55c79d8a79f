"""QL201: 4-bit weights that are dequantised to float32 for every product."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Recipe, State
from qlint.rulebook.recipe_facts import model_of, uses_bitsandbytes_four_bit
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

_FIELDS = ("compute_dtype", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a compute dtype of float32, chosen or left at its default."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if recipe.value("compute_dtype") != "float32" or not uses_bitsandbytes_four_bit(recipe):
        return None
    field = recipe["compute_dtype"]
    left = "left at its default " if field.state is State.DEFAULT else ""
    return build_finding(
        context,
        recipe,
        ("compute_dtype", "load_in_4bit"),
        f"Compute dtype is {left}{described(field, 'float32')}: every 4-bit weight is dequantised "
        "to float32 and multiplied there.",
        impact=_impact(recipe, context),
        supporting=(
            "bitsandbytes#2077: no warning tells you at run time",
            "BitsAndBytesConfig defaults to float32 (transformers 4.36 to 5.23)",
        ),
        opposing=(
            "bitsandbytes up to 0.46 let the first input's dtype override this, so a model in "
            "bfloat16 computed in bfloat16 all the same",
        ),
        settle=f"qlint probe {recipe.source.path} --only dequant",
        fix="Set bnb_4bit_compute_dtype=torch.bfloat16 (float16 on cards before Ampere).",
    )


def _impact(recipe: Recipe, context: Context) -> str:
    common = "No 16-bit tensor cores, and twice the bytes for each dequantised weight"
    model = model_of(recipe, context)
    if model is None:
        return f"{common}."
    largest = max(linear.inputs * linear.outputs for linear, _ in model.linears)
    return (
        f"{common}: {gigabytes(4 * largest)} instead of {gigabytes(2 * largest)} at a time for "
        f"this model's largest layer, {gigabytes(8 * model.quantised_parameters)} a micro-step "
        f"instead of {gigabytes(4 * model.quantised_parameters)} over forward and backward."
    )
