"""Predictions beside peaks that others have measured and published."""

from __future__ import annotations

import json
from typing import Any

import pytest
import score_peaks
from score_peaks import RESULTS, Compared, compared, summary

KNOWN_WRONG_FITS = 6
"""Which these are stands in the results; every one of them is explained in benchmarks/README.md."""

ENOUGH = 5
"""Rows of a series whose median says something."""


@pytest.fixture(scope="module")
def rows() -> list[Compared]:
    return compared()


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return figures


def test_the_median_error_is_what_the_project_promises(rows: list[Compared]) -> None:
    figures = summary(rows)["all"]
    assert figures["measured"] >= 40
    assert figures["median"] <= 0.10
    assert abs(figures["signed_median"]) <= 0.06, "neither side is favoured much"


def test_no_series_is_worse_than_the_committed_figures_say(
    rows: list[Compared], committed: dict[str, Any]
) -> None:
    now = summary(rows)["series"]
    assert set(now) == set(committed["series"])
    for name, figures in committed["series"].items():
        if figures["measured"]:
            assert now[name]["median"] <= figures["median"] + 0.01, name
        if figures["measured"] >= ENOUGH:
            assert now[name]["median"] <= 0.10, name


def test_what_fits_is_said_to_fit_but_for_the_known_rows(
    rows: list[Compared], committed: dict[str, Any]
) -> None:
    wrong = set(summary(rows)["wrong_fits"])
    assert wrong <= set(committed["wrong_fits"])
    assert len(committed["wrong_fits"]) <= KNOWN_WRONG_FITS


def test_every_row_says_where_it_was_read() -> None:
    facts = json.loads(score_peaks.FACTS.read_text(encoding="utf-8"))
    names = [row["id"] for row in facts["rows"]]
    assert len(names) == len(set(names))
    for row in facts["rows"]:
        source = row["source"]
        if source.get("page", "").startswith("https://"):
            continue
        assert source["repository"].count("/") == 1, row["id"]
        assert len(source["commit"]) == 40, row["id"]
        assert source["path"], row["id"]
        assert "measured" in row or "fits" in row, row["id"]
    for name, setup in facts["setups"].items():
        assert setup["read_in"], name
