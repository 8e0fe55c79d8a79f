"""QL402: a 4-bit base where the same run fits the card in 16 bits."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import SPARE, Forecast, forecast_of
from qlint.rulebook.recipe_facts import uses_bitsandbytes_four_bit
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import gigabytes

OPTIONS = {
    "spare": Option(SPARE, "share of the card that has to stay free in 16 bits"),
}

_FIELDS = (
    "load_in_4bit",
    "quant_method",
    "model_name",
    "per_device_train_batch_size",
    "max_seq_length",
)


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report quantisation that the card does not ask for."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    forecast = forecast_of(recipe, context)
    if forecast is None or not uses_bitsandbytes_four_bit(recipe):
        return None
    dense = _in_16_bits(forecast)
    if not dense.fits_with_spare(context.options["spare"]):
        return None
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"LoRA over a 16-bit base would fit as well: about {gigabytes(dense.needed)} at "
        f"{dense.tokens}{dense.share}.",
        impact=f"In 4 bits it takes {gigabytes(forecast.needed)}, "
        f"{gigabytes(dense.needed - forecast.needed)} less, and pays for it by dequantising every "
        "weight in every pass.",
        supporting=(
            "litgpt, NF4 over 16-bit LoRA: +98 to 105 % step time at micro-batch 1, +8 to 19 % at "
            "4 to 8",
            "QLoRA solves *does not fit*, not *too slow*",
        ),
        opposing=(
            "what 4 bits free buys longer sequences and larger micro-batches",
            "another process may need the rest of the card",
        ),
        settle=f"qlint plan {recipe.source.path} --set load_in_4bit=false",
        fix="Load the base in bfloat16 without quantization_config, where steps are too slow.",
    )


def _in_16_bits(forecast: Forecast) -> Forecast:
    base = forecast.job.base_dtype
    return forecast.changed(
        quant_method="none",
        load_in_4bit=False,
        double_quant=False,
        kbit_prepare=False,
        base_dtype="bfloat16" if base == "float32" else base,
    )
