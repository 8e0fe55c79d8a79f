"""What confirms a finding, what refutes it, and what decides nothing."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

verdicts: Any = importlib.import_module("qlint.runtime_probes.verdicts")

RATE = 2e-4
CARD = 24_000_000_000


def verdict(code: str, probe: str, card: int | None = CARD, **values: Any) -> str:
    measured = verdicts.Measured({probe: {"skipped": None, **values}}, card, RATE)
    (found,) = verdicts.judge([code], measured)
    assert found.why
    outcome: str = found.outcome
    return outcome


@pytest.mark.parametrize(
    ("edge", "decided", "expected"),
    [
        (RATE, True, "confirmed"),
        (RATE / 2, True, "confirmed"),
        (2 * RATE, True, "undecided"),
        (None, True, "undecided"),
        (RATE / 2, False, "undecided"),
    ],
)
def test_a_learning_rate_can_be_confirmed_and_never_refuted(
    edge: float | None, decided: bool, expected: str
) -> None:
    values: Any = {"edge": edge, "decided": decided, "own_diverged": edge == RATE}
    assert verdict("QL101", "learning_rate", **values) == expected
    assert verdict("QL101", "learning_rate", None, **values) == expected  # On any device.


def test_a_rate_that_was_not_tried_itself_is_not_said_to_have_held() -> None:
    measured = verdicts.Measured(
        {"learning_rate": {"skipped": None, "edge": None, "decided": True, "own_diverged": None}},
        CARD,
        RATE,
    )
    (found,) = verdicts.judge(["QL101"], measured)
    assert found.outcome == "undecided"
    assert "held" not in found.why


@pytest.mark.parametrize(
    ("off", "on", "noise", "card", "expected"),
    [
        (22e9, 9e9, 0.01, CARD, "confirmed"),
        (12e9, 6e9, 0.01, CARD, "refuted"),
        (19.3e9, 9e9, 0.05, CARD, "undecided"),
        (22e9, 22e9, 0.01, CARD, "undecided"),
        (12e9, 6e9, 0.01, None, "undecided"),
    ],
)
def test_checkpointing_is_judged_by_the_card(
    off: float, on: float, noise: float, card: int | None, expected: str
) -> None:
    peaks = {"off": {"peak_bytes": off}, "on": {"peak_bytes": on}}
    assert verdict("QL102", "activations", card, checkpointing=peaks, noise=noise) == expected
    bare = {"off": off, "on": on}
    assert verdict("QL102", "activations", card, checkpointing=bare, noise=noise) == expected


def test_what_does_not_fit_without_checkpointing_needs_it() -> None:
    for reason, expected in (("out of memory", "confirmed"), ("no switch for it", "undecided")):
        peaks = {"off": {"skipped": reason}, "on": {"peak_bytes": 9e9}}
        assert verdict("QL102", "activations", checkpointing=peaks, noise=0.0) == expected


@pytest.mark.parametrize(
    ("seconds", "noise", "expected"),
    [
        (0.08, 0.01, "confirmed"),
        (0.055, 0.01, "undecided"),
        (0.03, 0.001, "undecided"),
        (0.01, 0.002, "refuted"),
        (0.01, 0.02, "undecided"),
    ],
)
def test_targets_are_judged_by_what_those_beyond_the_usual_cost(
    seconds: float, noise: float, expected: str
) -> None:
    costs = [
        {"module": "model.layers.*.self_attn.o_proj", "seconds": seconds, "noise": noise},
        {"module": "model.layers.*.self_attn.q_proj", "seconds": 0.5, "noise": 0.3},
    ]
    assert verdict("QL103", "dequant", targets=costs, step_seconds=1.0) == expected
    assert verdict("QL103", "dequant", None, targets=costs, step_seconds=1.0) == "undecided"
    assert verdict("QL103", "dequant", targets=[], step_seconds=1.0) == "undecided"


@pytest.mark.parametrize(
    ("total", "expected"), [(1.2e9, "confirmed"), (0.7e9, "undecided"), (0.3e9, "refuted")]
)
def test_a_rank_is_judged_by_the_bytes_of_what_is_trained(total: float, expected: str) -> None:
    parts = dict.fromkeys(("parameter_bytes", "gradient_bytes", "optimizer_bytes"), total / 3)
    assert verdict("QL104", "adapters", CARD, **parts) == expected


@pytest.mark.parametrize(
    ("saved", "paged", "expected"),
    [
        (0.96e9, False, "confirmed"),
        (0.2e9, False, "undecided"),
        (0.04e9, False, "refuted"),
        (0.96e9, True, "undecided"),
    ],
)
def test_an_optimizer_is_judged_by_what_8_bits_would_save(
    saved: float, paged: bool, expected: str
) -> None:
    assert verdict("QL105", "adapters", eight_bit_saves_bytes=saved, paged=paged) == expected


def test_what_was_not_measured_decides_nothing_and_says_why() -> None:
    skipped = {row.probe: {"skipped": "no reason at all"} for row in verdicts.TABLE}
    for probes in (skipped, {}):
        found = verdicts.judge([row.code for row in verdicts.TABLE], verdicts.Measured(probes))
        assert [one.outcome for one in found] == ["undecided"] * len(verdicts.TABLE)
        assert all("not measured" in one.why for one in found)
        assert all(("no reason at all" in one.why) == bool(probes) for one in found)


def test_a_code_without_a_row_gets_no_verdict() -> None:
    assert verdicts.judge(["QL201", "QL999"], verdicts.Measured({})) == []


def test_every_pitfall_has_its_row() -> None:
    assert [row.code for row in verdicts.TABLE] == ["QL101", "QL102", "QL103", "QL104", "QL105"]
    assert all(row.quantity and row.unit and row.noise for row in verdicts.TABLE)


def in_words(row: Any, limit: float | None) -> str:
    if limit is None:
        return "never"
    return f"{limit / 1e9:g} GB" if row.unit == "bytes" else f"{limit:g} {row.unit}"


@pytest.mark.parametrize("row", verdicts.TABLE, ids=lambda row: row.code)
def test_the_documented_table_is_the_one_in_force(row: Any) -> None:
    page = Path(__file__).parents[2] / "docs" / "probe.md"
    (line,) = [
        line for line in page.read_text("utf-8").splitlines() if line.startswith(f"| {row.code} ")
    ]
    _, _, quantity, confirmed, refuted, noise, _ = (cell.strip() for cell in line.split("|"))
    assert quantity == row.quantity
    assert confirmed.removesuffix(", or lower") == in_words(row, row.confirmed_from)
    assert refuted == in_words(row, row.refuted_below)
    assert noise == row.noise
