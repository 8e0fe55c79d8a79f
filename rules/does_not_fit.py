"""QL301: a run that is predicted to need more memory than the card offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.findings import Finding, Severity
from qlint.recipe import Recipe
from qlint.rulebook.predicted import Forecast, cached_predict, forecast_of
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import gigabytes

if TYPE_CHECKING:
    from qlint.planning.fitting import Step

_FIELDS = (
    "model_name",
    "per_device_train_batch_size",
    "max_seq_length",
    "gradient_checkpointing",
    "load_in_4bit",
    "quant_method",
    "lora_r",
    "optim",
)
_HARMLESS = ("max_seq_length", "per_device_train_batch_size")
"""What may be assumed and said: the assumed batch is 1, the least there is, and the length is the
one thing that data decides."""
_SHOWN = 3
"""How many components are named, the largest first."""


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a run that will end out of memory."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    forecast = forecast_of(recipe, context)
    if forecast is None or forecast.card is None or forecast.fits:
        return None
    if any(one.field not in _HARMLESS for one in forecast.assumptions):
        return None
    certain = forecast.decided and forecast.least_needed > forecast.card.usable_bytes
    from qlint.planning.fitting import cheapest_changes  # Seldom needed, and brings the planner.

    steps = cheapest_changes(forecast.job, forecast.card.usable_bytes, cached_predict)
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"The run is predicted not to fit: it needs about {gigabytes(forecast.needed)} at "
        f"{forecast.tokens}{forecast.share}.",
        severity=Severity.ERROR if certain else None,
        impact=_impact(forecast),
        supporting=(
            "each component is computed from the shapes, as qlint plan shows; the error band "
            f"begins at {gigabytes(forecast.least_needed)}",
        ),
        opposing=(
            "every sequence is taken as long as the longest may be: shorter data needs less",
            'device_map="auto" may spread the model over several cards; one is counted',
            "optimizer state that is paged, and WDDM on Windows, move to the host and slow down",
        ),
        settle=f"qlint plan {recipe.source.path} --gpu {context.gpu}",
        fix=_remedy(steps),
    )


def _impact(forecast: Forecast) -> str:
    largest = sorted(forecast.prediction.components, key=lambda part: part.bytes, reverse=True)
    parts = ", ".join(f"{part.name} {gigabytes(part.bytes)}" for part in largest[:_SHOWN])
    return f"The peak stands at the {forecast.prediction.at}: {parts}."


def _remedy(steps: list[Step]) -> str:
    saved: dict[str, int] = {}
    for step in steps:
        saved[step.change.name] = saved.get(step.change.name, 0) + step.saved_bytes
    times = Counter(step.change.name for step in steps)
    changes = "; ".join(
        f"{name}{f' ({times[name]} times)' if times[name] > 1 else ''}: -{gigabytes(size)}"
        for name, size in saved.items()
    )
    if steps and steps[-1].fits:
        return f"The cheapest changes that make it fit: {changes}."
    tried = f" ({changes})" if changes else ""
    return f"No change of the recipe makes it fit{tried}: take a smaller model or a larger card."
