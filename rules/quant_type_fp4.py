"""QL202: FP4, where NF4 costs the same and is closer to the weights."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Recipe, State
from qlint.rulebook.recipe_facts import uses_bitsandbytes_four_bit
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described

_FIELDS = ("quant_type", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a quant type of fp4, chosen or left at its default."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if recipe.value("quant_type") != "fp4" or not uses_bitsandbytes_four_bit(recipe):
        return None
    field = recipe["quant_type"]
    left = "left at its default " if field.state is State.DEFAULT else ""
    return build_finding(
        context,
        recipe,
        ("quant_type", "load_in_4bit"),
        f"Quant type is {left}{described(field, 'fp4')}; nf4 costs the same and errs less.",
        impact="4-bit QLoRA on LLaMA 7B to 65B, mean MMLU: 52.2 with FP4, 53.1 with NF4 and double "
        "quantisation, 53.0 in bfloat16 (QLoRA paper, table 4); memory is the same.",
        supporting=(
            "QLoRA paper, table 2: mean perplexity 31.07 (FP4 E2M1), 27.41 (NF4 + double quant)",
            "BitsAndBytesConfig defaults to fp4 (transformers 4.36 to 5.23), so it is easily kept",
        ),
        opposing=("adapters trained over an fp4 base belong to that base: do not switch half-way",),
        settle=f"qlint probe {recipe.source.path} with either type, and compare evaluation loss",
        fix='Set bnb_4bit_quant_type="nf4".',
    )
