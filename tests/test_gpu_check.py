"""The script for a machine with a card runs from end to end, with tiny shapes on the processor."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    assert [len(result[name]) for name in sections] == [8, 8, 24, 12, 6]
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


def test_a_case_begins_only_where_it_will_end_in_time() -> None:
    gpu_check: Any = importlib.import_module("gpu_check")
    case = importlib.import_module("gpu_cases").Case()
    check = gpu_check.Check(5.0, dry_run=True)
    check.dry_run = False  # The seconds that a section expects count as on a card.
    check._run = _no_run
    found = list(check.each(gpu_check.Section([case, case], _takes(0.0), 4.0)))
    assert [one["skipped"] for one in found] == [None, None]
    found = list(check.each(gpu_check.Section([case], _takes(0.0), 6.0)))
    assert [one["skipped"] for one in found] == [gpu_check.NO_TIME]
    found = list(check.each(gpu_check.Section([case, case], _takes(3.0), 1.0)))
    assert [one["skipped"] for one in found] == [None, gpu_check.NO_TIME]


def test_one_that_fails_is_reported_and_the_next_one_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gpu_check: Any = importlib.import_module("gpu_check")
    case = importlib.import_module("gpu_cases").Case()
    check = gpu_check.Check(60.0, dry_run=True)
    check._run = _no_run
    answers = iter([RuntimeError("\n\nno such kernel\nadvice"), None])

    def measure(_run: Any, _case: Any) -> dict[str, Any]:
        error = next(answers)
        if error is not None:
            raise error
        return {"step_seconds": 1.0}

    first, second = check.each(gpu_check.Section([case, case], measure, 0.0))
    assert first["skipped"] == "RuntimeError: no such kernel"
    assert second["step_seconds"] == 1.0
    assert "in measure" in capsys.readouterr().err


@contextmanager
def _no_run(_case: Any) -> Iterator[None]:
    yield None


def _takes(seconds: float) -> Any:
    def measure(_run: Any, _case: Any) -> dict[str, Any]:
        time.sleep(seconds)
        return {}

    return measure
