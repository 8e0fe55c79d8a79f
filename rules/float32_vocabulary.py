"""QL302: a large vocabulary cast to float32 by k-bit preparation."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import gigabytes

OPTIONS = {
    "minimum": Option(1.0, "GB that the cast has to add to embedding and output layer"),
}

_FIELDS = ("kbit_prepare", "model_name", "load_in_4bit", "quant_method")
_ADDED = 2
"""Bytes that a 16-bit weight grows by."""


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a vocabulary that doubles in size when the model is prepared."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    forecast = forecast_of(recipe, context)
    if forecast is None or not forecast.job.kbit_prepare or forecast.job.base_dtype == "float32":
        return None
    model = forecast.job.model
    tables = 1 if model.tied_embeddings else 2
    added = _ADDED * tables * model.embedding.weights
    if added < context.options["minimum"] * 1e9:
        return None
    called = recipe.value("kbit_prepare") is True
    by = "prepare_model_for_kbit_training" if called else "the trainer's k-bit preparation"
    what = "embedding" if model.tied_embeddings else "embedding and output layer"
    saved = forecast.saved_by(kbit_prepare=False)
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"Cast to float32 by {by}, the vocabulary of {model.vocabulary} words grows by "
        f"{gigabytes(added)} ({what}).",
        severity=Severity.INFO if forecast.fits_with_spare() else None,
        impact=f"{forecast.outlook} Without the cast {gigabytes(saved)} less"
        f"{forecast.share_of(saved)}, norms and their activations included.",
        supporting=("bitsandbytes#1569: 81 GB with the cast, 63 GB without",),
        opposing=(
            "norms and logits in float32 are more accurate; the QLoRA authors cast norms",
            "TRL from 0.25 casts norms only, and from 0.26 nothing",
        ),
        settle=f"qlint plan {recipe.source.path} --set kbit_prepare=false",
        fix="Replace the preparation by model.gradient_checkpointing_enable() and "
        "model.enable_input_require_grads(); cast norms alone where the loss is unstable.",
    )
