"""QL306: the logits of every evaluation batch kept on the card."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Field, Recipe
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.recipe_facts import predicts_tokens
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import gigabytes

_FIELDS = ("max_seq_length", "model_name", "trainer")
_FLOAT32 = 4


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report metrics over logits that pile up."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if not predicts_tokens(recipe) or method_of(recipe) is not Method.SFT or not _keeps(recipe):
        return None
    forecast = forecast_of(recipe, context)
    impact = "They are as many as tokens times the vocabulary, in float32."
    if forecast is not None:
        job = forecast.job
        tokens = job.per_device_eval_batch_size * job.max_seq_length
        size = tokens * job.model.vocabulary * _FLOAT32
        impact = (
            f"Each batch of {job.per_device_eval_batch_size} x {job.max_seq_length} tokens leaves "
            f"{gigabytes(size)} on the card{forecast.share_of(size)}. {forecast.outlook}"
        )
    return build_finding(
        context,
        recipe,
        _FIELDS,
        "Evaluation keeps the logits of every batch on the card until its end: compute_metrics is "
        "given, eval_accumulation_steps and preprocess_logits_for_metrics are not.",
        impact=impact,
        supporting=(
            "Trainer.evaluation_loop collects logits on the device unless eval_accumulation_steps "
            "moves them",
        ),
        opposing=("a small evaluation set may fit as a whole",),
        settle=f"qlint plan {recipe.source.path}",
        fix="Reduce logits in preprocess_logits_for_metrics (logits.argmax(-1)), and set "
        "eval_accumulation_steps.",
        at="compute_metrics",
    )


def _keeps(recipe: Recipe) -> bool:
    """True where metrics get logits and nothing makes them smaller or moves them on the way."""
    accumulated = recipe.facts.get("eval_accumulation_steps")
    return (
        recipe.fact("eval_strategy") in ("steps", "epoch")
        and recipe.fact("compute_metrics") is True
        and recipe.fact("prediction_loss_only") is False
        and recipe.fact("preprocess_logits_for_metrics") is False
        and _is_none(accumulated)
    )


def _is_none(field: Field | None) -> bool:
    return field is not None and field.known and field.value is None
