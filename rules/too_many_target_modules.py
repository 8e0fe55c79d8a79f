"""QL103: adapters on more linear layers than q, k, v and the FFN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qlint.findings import Finding, Severity
from qlint.memory.linear_roles import USUAL_PATHS, Role, role_of
from qlint.memory.targets import ALL_LINEAR, path_matcher
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import Forecast, forecast_of
from qlint.rulebook.recipe_facts import (
    adapter_memory_of,
    has_four_bit_base,
    optimizer_of,
    rank_of,
    targets_of,
)
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

OPTIONS = {
    "maximum": Option(6, "linear layers a layer above which adapters are reported as a warning"),
}

_FIELDS = ("target_modules", "load_in_4bit", "quant_method")


@dataclass(frozen=True, slots=True)
class _Selection:
    """What the targets select: linears in one layer, and what lies beyond q, k, v and the FFN."""

    linears: int
    beyond: tuple[str, ...]
    vocabulary: tuple[str, ...]


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report target modules beyond q, k, v and the FFN."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    targets = targets_of(recipe)
    if targets is None or not has_four_bit_base(recipe):
        return None
    maximum = context.options["maximum"]
    everything = isinstance(targets, str) and targets in ALL_LINEAR
    selection = _select(targets)
    if everything:
        what, severity = "every linear layer", None
    elif selection.vocabulary:
        what, severity = f"the vocabulary ({', '.join(selection.vocabulary)})", None
    elif selection.linears > maximum:
        what, severity = f"{selection.linears} linears a layer", None
    elif selection.linears == maximum and selection.beyond:
        what, severity = f"{selection.linears} linears a layer", Severity.INFO
    else:
        return None
    forecast = forecast_of(recipe, context)
    if forecast is not None and forecast.fits_with_spare():
        severity = Severity.INFO
    shown = targets if isinstance(targets, str) else ", ".join(targets)
    return build_finding(
        context,
        recipe,
        ("target_modules", "load_in_4bit"),
        f"Adapters on {what}: {described(recipe['target_modules'], shown)}; q, k, v and perhaps "
        "the FFN are the leaner choice.",
        severity=severity,
        impact=_impact(recipe, context, forecast),
        supporting=(
            "q,v to all: +2 % memory (torchtune, r 8, checkpointing), +17 % (Raschka, without)",
            "torchtune before 0.3 quantises adapted layers only: there a target is one pass more",
        ),
        opposing=(
            "bitsandbytes dequantises each Linear4bit, adapter or not, so few targets save none",
            "the QLoRA paper calls adapters on all linear layers critical for quality",
        ),
        settle=f"qlint probe {recipe.source.path} --only dequant,activations",
        fix='Try target_modules=["q_proj", "k_proj", "v_proj"] (with the FFN where quality asks '
        "for it) and compare the evaluation loss.",
    )


def _select(targets: str | tuple[str, ...]) -> _Selection:
    selected = targets
    if isinstance(targets, str):
        matches = None if targets in ALL_LINEAR else path_matcher(targets)
        selected = tuple(path for path in USUAL_PATHS if matches and matches(path))
    # One name is one linear of a layer, however many paths lead to it.
    names = dict.fromkeys(path.rsplit(".", 1)[-1] for path in selected)
    roles = {name: role_of(name) for name in names}
    return _Selection(
        linears=sum(count for role, count in roles.values() if role is not Role.VOCABULARY),
        beyond=tuple(name for name, (role, _) in roles.items() if role not in (Role.QKV, Role.FFN)),
        vocabulary=tuple(name for name, (role, _) in roles.items() if role is Role.VOCABULARY),
    )


def _impact(recipe: Recipe, context: Context, forecast: Forecast | None) -> str:
    rank, optimizer = rank_of(recipe), optimizer_of(recipe)
    if rank is not None:
        memory = adapter_memory_of(recipe, context, rank=rank, optimizer=optimizer)
        if memory is not None:
            return (
                f"{memory.parameters / 1e6:.1f} million adapter parameters, "
                f"{gigabytes(memory.total_bytes)} with gradients and optimizer state; each also "
                "adds two matrix products to every pass and keeps its input for the backward."
                f"{_compared(forecast)}"
            )
    return "Each adapter adds two matrix products to every pass, its saved input and its state."


def _compared(forecast: Forecast | None) -> str:
    """What the peak would be with adapters on q, k and v alone."""
    names = (
        [linear.name.rsplit(".", 1)[-1] for linear, _ in forecast.job.model.linears]
        if forecast
        else []
    )
    leaner = tuple(dict.fromkeys(name for name in names if role_of(name)[0] is Role.QKV))
    if forecast is None or not leaner:
        return ""
    saved = forecast.saved_by(target_modules=leaner)
    return (
        f" {forecast.outlook} On {', '.join(leaner)} alone {gigabytes(saved)} less"
        f"{forecast.share_of(saved)}."
    )
