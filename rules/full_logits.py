"""QL303: the logits of a large vocabulary in full, in float32."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.memory.job import Loss
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import forecast_of
from qlint.rulebook.recipe_facts import predicts_tokens
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import gigabytes

OPTIONS = {
    "minimum": Option(2.0, "GB of the predicted peak that a loss in chunks has to save"),
}

_FIELDS = ("per_device_train_batch_size", "max_seq_length", "model_name", "trainer")
_FLOAT32 = 4


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a loss over logits that all exist at once."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    if not predicts_tokens(recipe) or method_of(recipe) is not Method.SFT:
        return None
    forecast = forecast_of(recipe, context)
    if forecast is None or forecast.job.loss is not Loss.FULL:
        return None
    saved = forecast.saved_by(loss=Loss.FUSED)
    if saved < context.options["minimum"] * 1e9:
        return None
    job = forecast.job
    tokens = job.per_device_train_batch_size * job.max_seq_length
    size = tokens * job.model.vocabulary * _FLOAT32
    milder = forecast.fits_with_spare() or not forecast.decided
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"The loss keeps the logits in full: {tokens} tokens x {job.model.vocabulary} words are "
        f"{gigabytes(size)} in float32, more than once.",
        severity=Severity.INFO if milder else None,
        impact=f"{forecast.outlook} A loss in chunks takes {gigabytes(saved)} less"
        f"{forecast.share_of(saved)}.",
        supporting=(
            "transformers' ForCausalLMLoss casts all logits to float32, then keeps their "
            "logarithms and a gradient of the same size",
            "Unsloth's table for Llama-3.1-8B with HF and FlashAttention 2: about 2.5 MB a token",
        ),
        opposing=(
            "TRL's SFTTrainer computes the loss in chunks from 1.8 on",
            "a kernel applied by hand (apply_liger_kernel_to_llama) is not seen here",
        ),
        settle=f"qlint plan {recipe.source.path}, then qlint probe {recipe.source.path} "
        "--only activations",
        fix="Set use_liger_kernel=True, or train with SFTTrainer of TRL 1.8 or later, or halve the "
        "micro-batch and double the accumulation.",
    )
