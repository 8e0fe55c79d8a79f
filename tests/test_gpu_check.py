"""The script for a machine with a card runs from end to end, with tiny shapes on the processor."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

pytestmark = pytest.mark.slow


def test_a_dry_run_measures_every_case(tmp_path: Path) -> None:
    gpu_check: Any = importlib.import_module("gpu_check")
    output = tmp_path / "result.json"
    assert gpu_check.main(["--dry-run", "--output", str(output)]) == 0
    result = json.loads(output.read_text())
    assert result["complete"] is True
    sections = ("steps", "shares", "recipes", "adapters", "against_lora")
    assert [len(result[name]) for name in sections] == [8, 3, 24, 6, 6]
    assert {one["skipped"] for name in sections for one in result[name]} == {None}
    assert {one["problem"] for one in result["shares"]} == {None}
    assert all(one["step_seconds"] > 0 for name in sections for one in result[name])
    for one in result["recipes"]:
        parts = one["predicted_components"]
        assert sum(parts.values()) == one["predicted_allocated_bytes"]
        assert sum(one["made_of"]["by_kind"].values()) == one["made_of"]["peak_bytes"]
    probed = result["probes"]
    assert [one["skipped"] for one in probed] == [None, None]
    assert all(one["dequantisation"]["share"]["total"] > 0 for one in probed)
    assert all(one["activations"]["peak_bytes"] > 0 for one in probed)


def test_what_was_measured_is_there_when_it_is_killed(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    script = Path(importlib.import_module("gpu_check").__file__ or "")
    command = [sys.executable, str(script), "--dry-run", "--output", str(output)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not output.exists() and process.poll() is None:
            time.sleep(0.05)
        process.kill()
    result = json.loads(output.read_text())
    assert result["complete"] is False
    assert result["steps"][0]["step_seconds"] > 0
    assert result["recipes"] == []


def test_without_time_everything_is_skipped(tmp_path: Path) -> None:
    gpu_check: Any = importlib.import_module("gpu_check")
    output = tmp_path / "result.json"
    gpu_check.main(["--dry-run", "--budget-seconds", "0", "--output", str(output)])
    result = json.loads(output.read_text())
    assert {one["skipped"] for one in result["steps"]} == {"the time budget was spent"}
    assert result["summary"]["memory_error"]["median"] is None


def test_the_summary_takes_the_worst() -> None:
    gpu_check: Any = importlib.import_module("gpu_check")
    sections: dict[str, list[dict[str, Any]]] = {
        "steps": [{"error": -0.05}, {"skipped": "out of memory"}],
        "recipes": [{"error": 0.01}, {"error": 0.02}],
        "shares": [{"points_apart": -3.0, "overhead": 0.01}, {"points_apart": 1.0}],
    }
    found = gpu_check.summary(sections)
    assert found["memory_error"]["median"] == 0.02
    assert found["memory_error"]["worst"] == 0.05
    assert found["direct_against_profiler"]["most_points_apart"] == 3.0
