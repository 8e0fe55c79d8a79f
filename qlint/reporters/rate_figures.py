"""What the reports of a measurement say of the learning rate, for text and page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qlint.rulebook.wording import percent, scientific

SHORT_TRIALS = "Short trials show where a run breaks, never which rate is best."

Values = Mapping[str, Any]


def edge(values: Values) -> str:
    """Where the run breaks, in a sentence."""
    trials: Sequence[Values] = values.get("trials") or ()
    lowest = values.get("edge")
    if lowest is None:
        tried = [one["lr"] for one in trials if one.get("seeds", 1)]
        return f"no rate up to {scientific(max(tried))} broke" if tried else "no rate was tried"
    between = values.get("edge_between")
    if between is None:
        return f"it breaks from {scientific(lowest)}, the lowest rate that was tried"
    return f"it breaks between {scientific(between[0])} and {scientific(between[1])}"


def own_rate(values: Values) -> str | None:
    """What became of the run's own rate."""
    rate, broke = values.get("learning_rate"), values.get("own_diverged")
    if rate is None or broke is None:
        return None
    return f"the run's own {scientific(rate)} {'broke' if broke else 'held'}"


def trial_words(trial: Values) -> str:
    """What a rate did to the held-out loss, in a word."""
    if trial.get("diverged"):
        return "broke"
    delta = trial.get("paired_delta")
    if delta is None:
        return "lost"
    return f"{delta:+.2g}" if delta else "0"


def lost(values: Values) -> str | None:
    """The rates of which nothing is known, and why."""
    found = [one for one in values.get("trials") or () if not one.get("seeds", 1)]
    if not found:
        return None
    rates = ", ".join(scientific(one["lr"]) for one in found)
    return f"nothing is known of {rates}: {found[0]['reason']}"


def scaler_skipped(values: Values) -> str | None:
    """Steps that the gradient scaler skipped, in all trials together."""
    steps = sum(one.get("skipped_steps", 0) for one in values.get("trials") or ())
    return f"the gradient scaler skipped {steps} steps" if steps else None


def quantisation_error(noise: Values) -> list[str]:
    """What quantisation does to weights and outputs, and the update beside it."""
    kinds = list((noise.get("by_module") or {}).values())
    sentences = []
    for key in ("weights", "outputs"):
        sentences += _range([one.get(key) for one in kinds], f"error of {key}")
    if not sentences:
        sentences += _range([one.get("expected") for one in kinds], "expected error of weights")
    updates = list((noise.get("update") or {}).values())
    scaling = sorted({round(one["scaling"], 4) for one in updates})
    factor = f" (alpha/r {'/'.join(f'{one:g}' for one in scaling)})" if scaling else ""
    for sentence in _range([one["relative_to_weight"] for one in updates], "a trial's update"):
        sentences.append(f"{sentence}{factor}")
    return sentences


def _range(shares: Sequence[float | None], what: str) -> list[str]:
    known = [one for one in shares if one is not None]
    if not known:
        return []
    low, high = (percent(one, 2 if max(known) < 0.01 else 1) for one in (min(known), max(known)))
    return [f"{what} {high}" if low == high else f"{what} {low} to {high}"]
