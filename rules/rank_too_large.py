"""QL104: a LoRA rank that brings back the memory the 4-bit base saved."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Severity
from qlint.memory.adapters import AdapterMemory
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
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
from qlint.rulebook.wording import described, gigabytes, number

OPTIONS = {
    "budget": Option(
        1.0, "GB for adapters, gradients and optimizer state where the shape is known"
    ),
    "rank": Option(64, "rank that is too large where the model's shape is not known"),
    "info_share": Option(0.5, "share of either line above which the finding is an info"),
}

_FIELDS = (
    "lora_r",
    "target_modules",
    "optim",
    "load_in_4bit",
    "quant_method",
    "model_name",
    "use_dora",
)


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report adapters that outgrow their budget."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    rank = rank_of(recipe)
    if rank is None or not has_four_bit_base(recipe):
        return None
    memory = adapter_memory_of(recipe, context, rank=rank, optimizer=optimizer_of(recipe))
    share = _share_of_line(rank, memory, context)
    # The line itself is crossed by more than the budget, but by a rank of 64 already.
    crossed = share > 1 if memory is not None else share >= 1
    if not crossed and share <= context.options["info_share"]:
        return None
    forecast = forecast_of(recipe, context)
    roomy = forecast is not None and forecast.fits_with_spare()
    return build_finding(
        context,
        recipe,
        ("lora_r", "target_modules", "optim"),
        _message(recipe, context, memory),
        severity=None if crossed and not roomy else Severity.INFO,
        impact=_impact(recipe, context, memory, forecast),
        supporting=(
            "qlint's budget for a 7B model: LoRA and optimizer state under 1 GB, r 8, alpha 16",
            _dtype(recipe),
        ),
        opposing=(
            "PEFT's MetaMathQA runs, r 32 to 64: only +1.2 % memory and +2.6 % time",
            "the QLoRA authors train with r 64 on all linear layers",
        ),
        settle=f"qlint plan {recipe.source.path} --set lora_r=8",
        fix="Set r to 8 with alpha 16, and raise it only while the evaluation loss gains from it.",
    )


def _dtype(recipe: Recipe) -> str:
    if adapter_bytes(recipe) == 2:
        return "TRL trains adapters over a quantised base in bfloat16: half of what float32 takes"
    return "adapters stay in float32 over a quantised base (PEFT), and so do their gradients"


def _share_of_line(rank: int, memory: AdapterMemory | None, context: Context) -> float:
    """How much of the line is used: bytes where they are known, else the rank."""
    if memory is None:
        return float(rank / context.options["rank"])
    return float(memory.total_bytes / (context.options["budget"] * 1e9))


def _message(recipe: Recipe, context: Context, memory: AdapterMemory | None) -> str:
    rank = described(recipe["lora_r"], str(recipe.value("lora_r")))
    if memory is None:
        return f"LoRA rank {rank} is large for adapters beside a 4-bit base."
    least = "" if optimizer_of(recipe) else "at least "
    return (
        f"LoRA rank {rank} costs {least}{gigabytes(memory.total_bytes)} in adapters, gradients "
        f"and optimizer state, of a budget of {number(context.options['budget'])} GB."
    )


def _impact(
    recipe: Recipe, context: Context, memory: AdapterMemory | None, forecast: Forecast | None
) -> str:
    if memory is None:
        return "Adapter memory and optimizer state grow in proportion to the rank."
    small = adapter_memory_of(recipe, context, rank=8, optimizer=optimizer_of(recipe))
    paged = " (paged: it can leave the card)" if memory.paged else ""
    compared = f" r = 8 would take {gigabytes(small.total_bytes)}." if small else ""
    outlook = f" {forecast.outlook}{_at_rank_8(forecast)}" if forecast is not None else ""
    return (
        f"{memory.parameters / 1e6:.0f} million parameters: {gigabytes(memory.weight_bytes)} "
        f"adapters, {gigabytes(memory.gradient_bytes)} gradients, "
        f"{gigabytes(memory.state_bytes)} optimizer state{paged}.{compared}{outlook}"
    )


def _at_rank_8(forecast: Forecast) -> str:
    small = forecast.changed(lora_r=8)
    saved = forecast.needed - small.needed
    return f" At r = 8 {gigabytes(saved)} less{small.share_of(saved)}." if saved > 0 else ""
