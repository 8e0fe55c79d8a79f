"""The memory of every offline trainer's step is measured, in other shapes of its batch as well."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_runs
from test_replay import TRAINERS, captured

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tiny_runs.prepare(folder)
    return folder


@pytest.mark.parametrize("make", TRAINERS)
def test_no_figure_is_missing(make: Any, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = importlib.import_module("qlint.runtime_probes.activations.probe")
    monkeypatch.setattr(probe, "_SHORTEST", 3)  # The tiny data has a dozen tokens a row.

    found = probe.measure(captured(make(material), 2)).as_json()

    assert found["noise"] == 0
    rows, length = found["batch"]["rows"], found["batch"]["length"]
    points = {(one["rows"], one["length"]): one["peak_bytes"] for one in found["scaling"]["points"]}
    lengths = [points[rows, length // part] for part in (1, 2, 4)]
    assert lengths[0] > lengths[1] > lengths[2]
    assert points[rows // 2, length] < points[rows, length]
    assert found["evaluation"]["peak_bytes"] < found["peak_bytes"]
    modes = found["checkpointing"]
    assert modes["on"]["peak_bytes"] < modes["off"]["peak_bytes"]
    assert found["generation"] == {"skipped": "the run does not generate while it trains"}
