"""QL105: optimizer state in 32 bits beside a 4-bit base."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.memory.optimizer import OptimizerKind
from qlint.recipe import Recipe, State
from qlint.rulebook.predicted import Forecast, forecast_of
from qlint.rulebook.recipe_facts import (
    adapter_bytes,
    adapter_memory_of,
    has_four_bit_base,
    optimizer_of,
    rank_of,
)
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

_WIDTH = {2: "16 bits (bfloat16, as TRL trains these adapters)", 4: "32 bits"}
_SAVED = {
    2: "a 7B model saves 0.01 GB (r 8, q/k/v), 0.08 (r 16, all), 0.31 (r 64, all)",
    4: "a 7B model saves 0.04 GB (r 8, q/k/v), 0.24 (r 16, all), 0.95 (r 64, all)",
}
"""By the bytes of a moment's element; recomputed in the tests."""

_FIELDS = ("optim", "load_in_4bit", "quant_method")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report an optimizer that keeps 32-bit state, named or by default."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    kind = optimizer_of(recipe)
    if kind is None or not kind.full_precision or not has_four_bit_base(recipe):
        return None
    optim = recipe["optim"]
    name = "Default optimizer" if optim.state is State.DEFAULT else "Optimizer"
    paged = ", paged out of the card when it is full" if kind.paged else ""
    forecast = forecast_of(recipe, context)
    roomy = forecast is not None and forecast.fits_with_spare()
    return build_finding(
        context,
        recipe,
        ("optim", "load_in_4bit"),
        f"{name} {described(optim, str(optim.value))} keeps its state in "
        f"{_WIDTH[_state_size(recipe, kind)]} "
        f"beside a 4-bit base{paged}.",
        severity=Severity.INFO if kind.paged or roomy else None,
        impact=_impact(recipe, context, kind, forecast),
        supporting=(
            "8-bit block-wise state trains like 32-bit state (Dettmers et al., arXiv 2110.02861)",
            _SAVED[_state_size(recipe, kind)],
        ),
        opposing=(
            "at a small rank the saving is a rounding error of the card",
            "the QLoRA authors use paged_adamw_32bit; tensors under 4096 elements stay in 32 bits",
        ),
        settle=f"qlint plan {recipe.source.path} --set optim=adamw_8bit",
        fix='Set optim="adamw_8bit" (bitsandbytes), or "paged_adamw_8bit" to survive peaks.',
    )


def _state_size(recipe: Recipe, kind: OptimizerKind) -> int:
    """Bytes of a moment's element: PyTorch's own optimizers take the dtype of the parameters."""
    return adapter_bytes(recipe) if kind.follows_parameters else 4


def _impact(
    recipe: Recipe, context: Context, kind: OptimizerKind, forecast: Forecast | None
) -> str:
    eight_bit = OptimizerKind(8, kind.paged, kind.family, kind.extra_moments)
    rank = rank_of(recipe)
    now = rank and adapter_memory_of(recipe, context, rank=rank, optimizer=kind)
    then = rank and adapter_memory_of(recipe, context, rank=rank, optimizer=eight_bit)
    if not now or not then:
        size = adapter_bytes(recipe)
        fewer = kind.bytes_per_parameter(size) - eight_bit.bytes_per_parameter()
        return f"8-bit state would save {fewer:.1f} bytes for each adapter parameter."
    saved = now.state_bytes - then.state_bytes
    share = forecast.share_of(saved) if forecast is not None else ""
    outlook = f" {forecast.outlook}" if forecast is not None else ""
    return (
        f"State {gigabytes(now.state_bytes)} for {now.parameters / 1e6:.1f} million adapter "
        f"parameters; 8 bits would take {gigabytes(then.state_bytes)} and save "
        f"{gigabytes(saved)}{share}.{outlook}"
    )
