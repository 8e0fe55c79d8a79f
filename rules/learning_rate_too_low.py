"""QL106: a learning rate so low that the adapters hardly move."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Recipe, State
from qlint.rulebook.options import Option
from qlint.rulebook.recipe_facts import has_four_bit_base, number_of, trains_adapters
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, scientific

OPTIONS = {
    "minimum": Option(5e-5, "lowest learning rate for SFT-like adapter runs that is not reported"),
}

_FIELDS = ("learning_rate", "load_in_4bit", "quant_method", "lora_r", "trainer")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report an SFT-like adapter run below the line."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    rate, minimum = number_of(recipe, "learning_rate"), context.options["minimum"]
    if rate is None or rate >= minimum or method_of(recipe) is not Method.SFT:
        return None
    if not (has_four_bit_base(recipe) or trains_adapters(recipe)):
        return None
    field = recipe["learning_rate"]
    name = "Default learning rate" if field.state is State.DEFAULT else "Learning rate"
    return build_finding(
        context,
        recipe,
        ("learning_rate", "trainer"),
        f"{name} {described(field, scientific(rate))} is below {scientific(minimum)}: "
        "adapters hardly move and the run fails without an error.",
        impact=_impact(rate, minimum, field.state),
        supporting=(
            "the QLoRA authors use 2e-4 (7B, 13B) and 1e-4 (33B, 65B); nobody's recipe is this low",
            "B starts at zero, so early updates of A have next to no effect on the output",
        ),
        opposing=("a large alpha/r, LoRA+ or a late training stage can make a low rate right",),
        settle="the evaluation loss of two whole runs; short trials favour higher rates",
        fix=f"Set the learning rate between {scientific(minimum)} and 1e-4.",
    )


def _impact(rate: float, minimum: float, state: State) -> str:
    share = f"{minimum / rate:.2g} times below the line" if rate > 0 else "nothing is trained"
    if state is State.DEFAULT:
        return f"{share}; it is a default made for full fine-tuning."
    return f"{share}; it is a rate for full fine-tuning."
