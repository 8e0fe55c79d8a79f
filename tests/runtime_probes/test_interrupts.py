"""Ctrl-C, as a terminal sends it to the process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

from tiny_scripts import HEAD

from qlint.schema import schema_text

pytestmark = pytest.mark.slow

SLOW = """
import time
class Slow(SFTTrainer):
    def compute_loss(self, *arguments, **named):
        time.sleep(0.3)
        return super().compute_loss(*arguments, **named)
trainer.__class__ = Slow
try:
    trainer.train()
except KeyboardInterrupt:
    print("saving")
    trainer.save_model("final")
"""
SLEEPS = """
import time
print("measuring nothing yet", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("bye")
"""


def interrupted(folder: Path, script: str, when: str) -> Any:
    """The report, where Ctrl-C came after ``when`` was printed."""
    (folder / "train.py").write_text(script)
    command = ["-m", "qlint", "probe", "train.py", "--steps", "3", "--output-format", "json"]
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        assert process.stderr is not None
        printed = []
        for line in process.stderr:
            printed.append(line)
            if when in line:
                break
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=120)
    error = "".join(printed) + rest
    assert "Traceback" not in error
    assert process.returncode == 130, error
    report = json.loads(out)
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(report)
    assert report["measured"]["interrupted"]
    return report


def test_an_interrupt_leaves_what_was_measured(project: Path) -> None:
    report = interrupted(project, HEAD + SLOW, "measuring dequantisation")
    assert report["probes"]["adapters"]["parameters"] > 0
    assert report["probes"]["dequant"] == {"skipped": "interrupted"}
    assert report["measured"]["steps"] == 6
    assert not (project / "final").exists()


def test_an_interrupt_before_anything_was_measured_is_reported_as_well(project: Path) -> None:
    report = interrupted(project, SLEEPS, "measuring nothing yet")
    reason = "interrupted before the script trained"
    assert report["probes"]["dequant"] == {"skipped": reason}
