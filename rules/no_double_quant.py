"""QL203: scales of the quantised weights kept in 32 bits."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.memory.quantisation import bits_per_parameter, double_quant_saving
from qlint.recipe import Recipe, State
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.recipe_facts import model_of, uses_bitsandbytes_four_bit
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

_FIELDS = ("double_quant", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report double quantisation that is off, with what it would save."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if recipe.value("double_quant") is not False or not uses_bitsandbytes_four_bit(recipe):
        return None
    field = recipe["double_quant"]
    left = "left " if field.state is State.DEFAULT else ""
    saved = bits_per_parameter(False) - bits_per_parameter(True)
    return build_finding(
        context,
        recipe,
        ("double_quant", "load_in_4bit"),
        f"Double quantisation is {left}{described(field, 'off')}; on, it saves {saved:.3f} bits "
        "for each quantised weight.",
        impact=_impact(recipe, context),
        supporting=(
            "4.5 against 4.127 bits a weight: 8.3 % of the quantised weights and their scales",
        ),
        opposing=(
            "one more small dequantisation a layer and pass",
            'the often quoted "10 to 15 %" is too high: 7.2 % of resident Llama-2-7B',
        ),
        settle=f"qlint plan {recipe.source.path} --set double_quant=true",
        fix="Set bnb_4bit_use_double_quant=True.",
    )


def _impact(recipe: Recipe, context: Context) -> str:
    model = model_of(recipe, context)
    if model is None:
        return "0.047 GB for each billion of quantised weights."
    saved = double_quant_saving(model.quantised_parameters)
    forecast = forecast_of(recipe, context)
    share = forecast.share_of(saved) if forecast is not None else ""
    outlook = f" {forecast.outlook}" if forecast is not None else ""
    return (
        f"{gigabytes(saved)}{share}, on this model's "
        f"{model.quantised_parameters / 1e9:.2f} billion such weights.{outlook}"
    )
