"""QL304: the embedding or the output layer trained in full beside the adapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qlint.findings import Finding, Severity
from qlint.memory.linear_roles import Role, role_of
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.predicted import Forecast, forecast_of
from qlint.rulebook.recipe_facts import trains_adapters
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described, gigabytes

OPTIONS = {
    "minimum": Option(0.5, "GB of the predicted peak below which nothing is reported"),
}

_FIELDS = ("modules_to_save", "model_name", "optim")


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report modules_to_save that hold the vocabulary."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    saved = recipe.value("modules_to_save")
    if not isinstance(saved, Sequence) or isinstance(saved, str) or not trains_adapters(recipe):
        return None
    names = [name for name in saved if isinstance(name, str) and _is_vocabulary(name)]
    if not names:
        return None
    forecast = forecast_of(recipe, context)
    cost = forecast.saved_by(modules_to_save=()) if forecast is not None else 0
    if 0 < cost < context.options["minimum"] * 1e9:
        return None
    roomy = forecast is not None and forecast.fits_with_spare()
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"Trained in full beside the adapters: {described(recipe['modules_to_save'], _list(names))}"
        f"{_price(cost)}.",
        severity=Severity.INFO if roomy else None,
        impact=_impact(forecast, cost),
        supporting=(
            "PEFT keeps a trained copy beside the frozen original, with its gradient and "
            "its optimizer state (ModulesToSaveWrapper)",
        ),
        opposing=(
            "new tokens are not learnt without it, and a base without chat tokens needs them",
            "PEFT from 0.15 trains single rows: trainable_token_indices",
        ),
        settle=f"qlint plan {recipe.source.path} --set modules_to_save=[]",
        fix="Leave the vocabulary out of modules_to_save; where tokens were added, train these "
        "rows alone with trainable_token_indices.",
    )


def _is_vocabulary(name: str) -> bool:
    return role_of(name.rsplit(".", 1)[-1])[0] is Role.VOCABULARY


def _list(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _price(cost: int) -> str:
    return f", {gigabytes(cost)} of the predicted peak" if cost > 0 else ""


def _impact(forecast: Forecast | None, cost: int) -> str:
    if forecast is None or cost <= 0:
        return "Weights, gradient and 32-bit Adam take 16 bytes for each of its parameters."
    return f"{forecast.outlook} Without it {gigabytes(cost)} less{forecast.share_of(cost)}."
