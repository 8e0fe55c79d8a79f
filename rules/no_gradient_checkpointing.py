"""QL102: activations kept in full beside a 4-bit base."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import SPARE, Forecast, forecast_of
from qlint.rulebook.recipe_facts import has_four_bit_base, trains_adapters
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

OPTIONS = {
    "spare": Option(SPARE, "share of the card that has to stay free for the finding to be info"),
}

_FIELDS = ("gradient_checkpointing", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report effective checkpointing that is off."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if recipe.value("gradient_checkpointing") is not False:
        return None
    four_bit = has_four_bit_base(recipe)
    if not four_bit and not _is_plain_lora(recipe):
        return None
    forecast = forecast_of(recipe, context)
    roomy = forecast is not None and forecast.fits_with_spare(context.options["spare"])
    if not four_bit and (roomy or forecast is None or not forecast.decided or not forecast.card):
        return None
    base = (
        "a 4-bit base: weights shrink, activations do not"
        if four_bit
        else "a 16-bit base that leaves too little room for activations"
    )
    field = recipe["gradient_checkpointing"]
    return build_finding(
        context,
        recipe,
        ("gradient_checkpointing", "load_in_4bit"),
        f"Gradient checkpointing is {described(field, 'off')} beside {base}.",
        severity=Severity.INFO if roomy else None,
        impact=_impact(forecast),
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


def _impact(forecast: Forecast | None) -> str:
    if forecast is None:
        return "Activations grow with batch, sequence and depth, and are kept for the backward."
    on = forecast.changed(gradient_checkpointing=True)
    return (
        f"{forecast.outlook} With checkpointing about {gigabytes(on.needed)}"
        f"{on.share_of(on.needed)}."
    )
