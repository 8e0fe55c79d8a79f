"""The script that qlint writes trains, on a tiny model with real NF4."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_writing import RECIPE, SUMMARY
from tiny_model import save_texts, save_tiny_model

from qlint.planning.writing import render

pytestmark = pytest.mark.slow


def test_the_written_script_trains(tmp_path: Path) -> None:
    for library in ("trl", "bitsandbytes", "datasets"):
        pytest.importorskip(library)
    save_tiny_model(tmp_path / "model")
    save_texts(tmp_path / "train.jsonl")
    # A processor without bfloat16 is refused by the trainer.
    precision = {"compute_dtype": "float32", "bf16": False}
    recipe = {**RECIPE, **precision, "max_seq_length": 64, "gradient_accumulation_steps": 2}
    (tmp_path / "train.py").write_text(render(recipe, "train.py", SUMMARY))
    done = subprocess.run(
        [sys.executable, "train.py", "--model", "model", "--max_steps", "2"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "qlora-out" / "adapter_model.safetensors").stat().st_size > 1000
