"""What a measurement says about a finding: confirmed, refuted, or undecided.

One row a pitfall fixes the quantity, the thresholds and the noise condition. A quantity that was
not measured, or that does not stand out of its noise, decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from qlint.rulebook.wording import percent, scientific, size

Outcome: TypeAlias = Literal["confirmed", "refuted", "undecided"]

USUAL_TARGETS = frozenset(
    {"q_proj", "k_proj", "v_proj", "qkv_proj", "gate_proj", "up_proj", "down_proj", "gate_up_proj"}
)
"""What QL103 has nothing against."""


_ON_PROCESSOR = "not measured on a card"


class Verdict(NamedTuple):
    """The outcome for the finding with this code; ``why`` holds the figures."""

    code: str
    outcome: Outcome
    why: str

    def as_json(self) -> dict[str, str]:
        """The entry in a report."""
        return {"code": self.code, "verdict": self.outcome, "why": self.why}


class Measured(NamedTuple):
    """All that a row may look at."""

    probes: Mapping[str, Mapping[str, Any]]
    card_bytes: int | None = None
    """The memory of the card that it was measured on; None on a processor."""
    learning_rate: float | None = None


class Row(NamedTuple):
    """How the finding with this code is judged."""

    code: str
    probe: str
    """The key of the probe that has to have been measured."""
    quantity: str
    confirmed_from: float
    refuted_below: float | None
    """None: this measurement can never refute."""
    unit: str
    noise: str
    judge: Callable[[Row, Mapping[str, Any], Measured], tuple[Outcome, str]]


def judge(codes: Iterable[str], measured: Measured) -> list[Verdict]:
    """The verdicts on the findings with these codes; codes without a row get none."""
    found = set(codes)
    return [_verdict(row, measured) for row in TABLE if row.code in found]


def _verdict(row: Row, measured: Measured) -> Verdict:
    values = measured.probes.get(row.probe)
    if values is None:
        return Verdict(row.code, "undecided", f"{row.quantity}: not measured")
    if values.get("skipped") is not None:
        return Verdict(row.code, "undecided", f"{row.quantity}: not measured ({values['skipped']})")
    return Verdict(row.code, *row.judge(row, values, measured))


def _learning_rate(row: Row, values: Mapping[str, Any], measured: Measured) -> tuple[Outcome, str]:
    """Twenty steps show a rate that breaks; that they do not break proves nothing."""
    rate, edge = measured.learning_rate, values.get("edge")
    if rate is None:
        return "undecided", "the run's own rate is not known"
    if not values.get("decided"):
        return "undecided", "a rate above the lowest one that broke held: the trials disagree"
    if edge is not None and edge <= rate * row.confirmed_from * (1 + 1e-9):
        return (
            "confirmed",
            f"training breaks from {scientific(edge)}; the run takes {scientific(rate)}",
        )
    if values.get("own_diverged") is None:
        return "undecided", f"{scientific(rate)} itself was not tried"
    held = "no rate tried broke" if edge is None else f"it breaks from {scientific(edge)}"
    return (
        "undecided",
        f"{scientific(rate)} held in short trials ({held}), which does not show that it is right",
    )


def _checkpointing(row: Row, values: Mapping[str, Any], measured: Measured) -> tuple[Outcome, str]:
    """Of the card, not of the model: activations that fit with room to spare ruin nothing."""
    peaks = values.get("checkpointing") or {}
    off, on = _bytes(peaks.get("off")), _bytes(peaks.get("on"))
    if off is None and on is not None and _out_of_memory(peaks.get("off")):
        return "confirmed", f"without checkpointing it does not fit; with it the peak is {size(on)}"
    if off is None or on is None:
        return "undecided", "the peak with and without checkpointing was not measured"
    figures = f"peak {size(off)} without checkpointing, {size(on)} with"
    if measured.card_bytes is None:
        return "undecided", f"{figures}; {_ON_PROCESSOR}"
    share = off / measured.card_bytes
    margin = _noise(values)
    text = f"{figures}: {percent(share, 0)} of the card"
    if share * (1 - margin) >= row.confirmed_from and on < off:
        return "confirmed", text
    if row.refuted_below is not None and share * (1 + margin) < row.refuted_below:
        return "refuted", f"{text}, with room to spare"
    return "undecided", text


def _targets(row: Row, values: Mapping[str, Any], measured: Measured) -> tuple[Outcome, str]:
    """The time of adapters beyond q, k, v and the FFN, as a share of the step."""
    costs, step = values.get("targets"), values.get("step_seconds")
    if not costs or not step:
        reason = values.get("targets_skipped")
        why = f" ({reason})" if reason else ""
        return "undecided", f"the cost of each target module was not measured{why}"
    beyond = [one for one in costs if one["module"].rpartition(".")[2] not in USUAL_TARGETS]
    share = sum(one["seconds"] for one in beyond) / step
    noise = sum(one["noise"] for one in beyond) / step
    names = ", ".join(one["module"].rpartition(".")[2] for one in beyond) or "none"
    text = f"adapters beyond q, k, v and the FFN ({names}) take {percent(share)} ± {percent(noise)}"
    text += " of a step"
    if measured.card_bytes is None:
        return "undecided", f"{text}; {_ON_PROCESSOR}"
    if share - noise >= row.confirmed_from:
        return "confirmed", text
    if row.refuted_below is not None and share + noise < row.refuted_below:
        return "refuted", text
    return "undecided", text


def _rank(row: Row, values: Mapping[str, Any], measured: Measured) -> tuple[Outcome, str]:
    """What is counted has no noise."""
    total = sum(values[name] for name in ("parameter_bytes", "gradient_bytes", "optimizer_bytes"))
    text = f"adapters, gradients and optimizer state take {size(total)}"
    return _of_bytes(row, total), text


def _optimizer(row: Row, values: Mapping[str, Any], measured: Measured) -> tuple[Outcome, str]:
    saved = values["eight_bit_saves_bytes"]
    if values.get("paged"):
        return "undecided", "the state is paged: it takes memory of the card only while it is used"
    return _of_bytes(row, saved), f"8-bit state would save {size(saved)}"


def _of_bytes(row: Row, amount: int) -> Outcome:
    if amount >= row.confirmed_from:
        return "confirmed"
    return (
        "refuted" if row.refuted_below is not None and amount < row.refuted_below else "undecided"
    )


TABLE = (
    Row(
        "QL101",
        "learning_rate",
        "the lowest rate that breaks",
        1.0,
        None,
        "times the run's rate",
        "every seed ends above the untrained loss by more than the A/A band and 5 % of it, or "
        "rises by half of it on the way, or a loss is not finite; no rate above holds",
        _learning_rate,
    ),
    Row(
        "QL102",
        "activations",
        "the peak without checkpointing",
        0.8,
        0.8,
        "of the card's memory",
        "the spread of equal steps stays on one side of the line",
        _checkpointing,
    ),
    Row(
        "QL103",
        "dequant",
        "the time of adapters beyond q, k, v and the FFN",
        0.05,
        0.02,
        "of a step",
        "the share is off the line by more than the spreads of its pairs together",
        _targets,
    ),
    Row(
        "QL104",
        "adapters",
        "the bytes of adapters, gradients and optimizer state",
        1e9,
        0.5e9,
        "bytes",
        "counted, without noise",
        _rank,
    ),
    Row(
        "QL105",
        "adapters",
        "the bytes that 8-bit optimizer state would save",
        0.25e9,
        0.1e9,
        "bytes",
        "counted, without noise",
        _optimizer,
    ),
)


def _noise(values: Mapping[str, Any]) -> float:
    noise = values.get("noise")
    return float(noise) if isinstance(noise, int | float) else 0.0


def _out_of_memory(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("skipped") == "out of memory"


def _bytes(value: Any) -> int | None:
    """A peak, bare or inside of what else was measured in that mode."""
    if isinstance(value, Mapping):
        value = value.get("peak_bytes")
    return int(value) if isinstance(value, int | float) else None
