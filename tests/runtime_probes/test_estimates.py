"""What the probe says of its own time before it measures."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

from quadratic_run import QuadraticRun

probes: Any = importlib.import_module("qlint.runtime_probes.probes")
Measurement: Any = importlib.import_module("qlint.runtime_probes.measurement").Measurement
progress: Any = importlib.import_module("qlint.runtime_probes.progress")


def said(wanted: Any) -> int:
    """Seconds, of a run whose steps take next to none."""
    lines: list[str] = []
    shown = progress.Progress(show=lines.append)
    probes.measure_all(QuadraticRun(0.1), wanted, Measurement(), shown)
    (found,) = re.findall(r"will take about (\d+) s", lines[0])
    return int(found)


def test_the_search_for_what_fits_a_card_is_part_of_the_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which is long where the card is large beside the step."""
    memory = probes.Wanted(only=("activations",))
    without = said(memory)
    monkeypatch.setattr(probes, "_growth", lambda device, before: 1e9)

    assert without < 60 <= said(memory)
    assert said(probes.Wanted(only=("dequant",))) < 60
    assert said(memory._replace(budget_seconds=7.0)) == 7


def test_what_comes_after_the_memory_keeps_half_of_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float | None] = []
    module = importlib.import_module("qlint.runtime_probes.activations.probe")
    result = importlib.import_module("qlint.runtime_probes.activations.result").Activations

    def measure(run: Any, steps: int, seconds: float | None) -> Any:
        given.append(seconds)
        return result(skipped="nothing here")

    monkeypatch.setattr(module, "measure", measure)
    for wanted in (
        probes.Wanted(),
        probes.Wanted(budget_seconds=60.0),
        probes.Wanted(budget_seconds=60.0, no_learning_rate="random weights"),
        probes.Wanted(budget_seconds=60.0, only=("activations",)),
    ):
        probes._activations(QuadraticRun(0.1), wanted, None)

    assert given == [None, 30.0, 60.0, 60.0]
