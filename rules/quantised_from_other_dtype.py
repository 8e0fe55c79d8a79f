"""QL204: 4-bit weights made from another dtype than they compute in."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.readers.quantised_names import quantised_by_name
from qlint.recipe import Recipe
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.recipe_facts import model_of, uses_bitsandbytes_four_bit
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

_FIELDS = ("compute_dtype", "load_in_4bit", "quant_method")
_SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a load dtype that every backward has to be cast from."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    loaded, compute = recipe.fact("load_dtype"), recipe.value("compute_dtype")
    if loaded not in _SIZES or compute not in _SIZES or loaded == compute:
        return None
    name = recipe.value("model_name")
    # Weights that come quantised bring the dtype they were made from.
    comes_quantised = isinstance(name, str) and quantised_by_name(name) is not None
    if not uses_bitsandbytes_four_bit(recipe) or comes_quantised or compute == "float32":
        return None
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"The 4-bit weights are made from {described(recipe.facts['load_dtype'], loaded)} and "
        f"compute in {described(recipe['compute_dtype'], compute)}: each backward dequantises to "
        f"{loaded} first and casts the result.",
        severity=None if loaded == "float32" else Severity.INFO,
        impact=_impact(recipe, context, loaded),
        supporting=(
            "MatMul4Bit.backward: dequantize_4bit(B, state).to(grad_output.dtype), where the state "
            "holds the dtype that was quantised",
            "bitsandbytes up to 0.49 does the same in the forward",
        ),
        opposing=(
            "the result hardly differs: 4-bit values fit either dtype",
            "bitsandbytes 0.50 dequantises to the input's dtype in the forward",
        ),
        settle=f"qlint probe {recipe.source.path} --only dequant",
        fix=f"Load the model in the compute dtype: dtype=torch.{compute} (torch_dtype before "
        "transformers 4.56).",
        at="load_dtype",
    )


def _impact(recipe: Recipe, context: Context, loaded: str) -> str:
    model = model_of(recipe, context)
    if model is None:
        return "A second dense copy of each weight in turn, written and read once more."
    largest = max(linear.inputs * linear.outputs for linear, _ in model.linears)
    rest = ""
    if loaded == "float32":
        kept = model.parameters - model.quantised_parameters
        rest = f" What is not quantised stays in float32: {gigabytes(4 * kept)}."
    forecast = forecast_of(recipe, context)
    outlook = f" {forecast.outlook}" if forecast is not None else ""
    return (
        f"{gigabytes(_SIZES[loaded] * largest)} more at a time for this model's largest layer, "
        f"{gigabytes(_SIZES[loaded] * model.quantised_parameters)} more written and read in each "
        f"backward.{rest}{outlook}"
    )
