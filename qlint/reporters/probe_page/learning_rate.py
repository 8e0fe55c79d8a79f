"""The section on the learning rate: where the run breaks, and what 4 bits do to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from qlint.reporters import rate_figures as figures
from qlint.reporters import svg
from qlint.reporters.probe_page.elements import sentence, table
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import percent, scientific

_CLIP = 1.25
"""Curves that leave the range of those that held by so much are cut."""


def learning_rate(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The section."""
    own = figures.own_rate(values)
    told = "; ".join(fact for fact in (own, figures.edge(values)) if fact)
    yield f"<p>{sentence(told)}</p>"
    yield f'<p class="how">{figures.SHORT_TRIALS}</p>'
    trials = [one for one in values.get("trials") or () if one["lr"] > 0]
    tried = [one for one in trials if one.get("diverged") or one.get("paired_delta") is not None]
    if tried:
        yield "<h3>Held-out loss, less that of the lowest rate</h3>"
        yield svg.rates(
            [_point(one) for one in tried],
            float(values.get("noise_band") or 0.0),
            values.get("learning_rate"),
            values.get("safe_range"),
            values.get("edge_between"),
            scientific,
        )
        band = values.get("noise_band")
        if band is not None:
            shown = (
                f"the grey band is the noise (A/A), ± {band:.2g}; bars span the seeds; green is "
                "what held, up to the run's own rate"
            )
            yield f'<p class="how">{sentence(shown)}</p>'
    yield from _curves(trials)
    for said in (figures.lost(values), figures.scaler_skipped(values), values.get("cut")):
        if said:
            yield f'<p class="how">{sentence(str(said))}</p>'
    yield from _noise(values.get("quantisation_noise") or {})


def _point(trial: Mapping[str, Any]) -> svg.Point:
    delta = trial.get("paired_delta") or 0.0
    low, high = trial.get("paired_range") or (delta, delta)
    return svg.Point(trial["lr"], delta, low, high, bool(trial.get("diverged")))


def _curves(trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Training losses by step, one small plot a rate, all on one scale."""
    drawn = [one for one in trials if len(one.get("paired_curve") or ()) > 1]
    held = [
        value
        for one in drawn
        if not one.get("diverged")
        for point in one["paired_curve"]
        for value in point
    ]
    low, high = min(held, default=0.0) * _CLIP, max(held, default=0.0) * _CLIP
    if low == high:
        return
    yield "<h3>Training loss at each step, less that of the lowest rate</h3>"
    yield '<div class="curves">'
    for one in drawn:
        words = f"{scientific(one['lr'])}, x{one['multiple']:g}: {figures.trial_words(one)}"
        kind = ' class="broke"' if one.get("diverged") else ""
        yield (
            f"<figure{kind}><figcaption>{escape(words)}</figcaption>"
            f"{svg.steps(one['paired_curve'], low, high, words)}</figure>"
        )
    yield "</div>"
    yield (
        f'<p class="how">One scale, from {low:+.2g} to {high:+.2g}; what goes beyond is cut. '
        "The shade spans the seeds.</p>"
    )


def _noise(noise: Mapping[str, Any]) -> Iterator[str]:
    """The error of quantisation beside the update, by type of module."""
    updates = noise.get("update") or {}
    rows = []
    for name, one in (noise.get("by_module") or {}).items():
        update = updates.get(name) or {}
        rows.append(
            [
                name.removeprefix("model."),
                _share(one.get("weights"), one.get("expected")),
                _share(one.get("outputs")),
                _share(update.get("relative_to_weight"), digits=2),
                f"{update['scaling']:g}" if update else "",
            ]
        )
    heads = ("What 4 bits do to", "weights", "outputs", "update of a trial", "alpha/r")
    yield from table(heads, rows)
    if rows:
        yield (
            '<p class="how">Relative errors and sizes (Frobenius norms); an expected error, from '
            "the codes alone, has a tilde.</p>"
        )


def _share(measured: float | None, expected: float | None = None, digits: int = 1) -> str:
    if measured is not None:
        return percent(measured, digits)
    return "" if expected is None else f"~{percent(expected, digits)}"
