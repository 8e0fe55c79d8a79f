"""QL305: evaluation that needs more memory than training."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.recipe import Recipe
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.recipe_facts import predicts_tokens
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

_FIELDS = ("max_seq_length", "model_name", "trainer")
_BATCH = "per_device_eval_batch_size"


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report an evaluation batch whose logits are larger than a training step."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if not predicts_tokens(recipe) or method_of(recipe) is not Method.SFT:
        return None
    batch = recipe.facts.get(_BATCH)
    forecast = forecast_of(recipe, context)
    if forecast is None or batch is None or not batch.known:
        return None
    evaluation, prediction = forecast.prediction.evaluation_bytes, forecast.prediction
    if evaluation is None or evaluation <= prediction.peak_allocated_bytes:
        return None
    needed = evaluation + prediction.context_bytes
    card = forecast.card
    if card is not None and needed <= card.usable_bytes:
        return None
    length = forecast.job.max_seq_length
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"Evaluation takes more than training: batches of {described(batch, str(batch.value))} x "
        f"{length} tokens need about {gigabytes(needed)}, a training step "
        f"{gigabytes(forecast.needed)}.",
        severity=None if card is not None and forecast.decided else Severity.INFO,
        impact=f"The first evaluation ends the run where the card is smaller"
        f"{forecast.share_of(needed)}. {forecast.outlook}",
        supporting=(
            "the logits of all tokens of a batch exist in 16 bits, in float32 and as logarithms",
            "per_device_eval_batch_size is 8 unless it is set, whatever the training batch is",
        ),
        opposing=("evaluation sequences are often shorter than the longest that may come",),
        settle=f"qlint plan {recipe.source.path}",
        fix=f"Set per_device_eval_batch_size={forecast.job.per_device_train_batch_size}.",
        at=_BATCH,
    )
