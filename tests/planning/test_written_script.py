"""The script and the notebook that qlint writes train, on a tiny model with real NF4."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_writing import RECIPE, SUMMARY
from tiny_model import save_texts, save_tiny_model

from qlint.planning.writing import render
from qlint.recipe import Json

pytestmark = pytest.mark.slow

# A processor without bfloat16 is refused by the trainer.
ON_A_PROCESSOR: dict[str, Json] = {
    **RECIPE,
    "compute_dtype": "float32",
    "bf16": False,
    "max_seq_length": 64,
    "gradient_accumulation_steps": 2,
}
QUANTISED = """
import bitsandbytes
parts = trainer.model.named_modules()
kinds = {name.split(".")[-1]: type(part) for name, part in parts if "base_layer" in name}
assert kinds == {"base_layer": bitsandbytes.nn.Linear4bit}, kinds
state = trainer.model.base_model.model.model.layers[0].self_attn.q_proj.weight.quant_state
assert (state.quant_type, state.nested) == ("nf4", True), state
"""


def trained(folder: Path, *arguments: str) -> None:
    """Run Python in ``folder`` and look at the adapter that it leaves."""
    from safetensors.torch import load_file

    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    adapter = load_file(folder / "qlora-out" / "adapter_model.safetensors")
    assert {name.split(".")[-3] for name in adapter} == {"q_proj", "k_proj", "v_proj"}
    # They begin as zeros.
    assert all(weight.abs().max() > 0 for name, weight in adapter.items() if "lora_B" in name)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with a model and data."""
    for library in ("trl", "bitsandbytes", "datasets"):
        pytest.importorskip(library)
    save_tiny_model(tmp_path / "model")
    save_texts(tmp_path / "train.jsonl")
    return tmp_path


def test_the_written_script_trains(prepared: Path) -> None:
    (prepared / "train.py").write_text(render(ON_A_PROCESSOR, "train.py", SUMMARY))
    trained(prepared, "train.py", "--model", "model", "--max_steps", "2")


def test_the_written_notebook_trains_over_nf4(prepared: Path) -> None:
    recipe = {**ON_A_PROCESSOR, "model_name": "./model"}
    cells = json.loads(render(recipe, "a.ipynb", SUMMARY))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    python = [cell for cell in code if not cell.startswith("%pip")]
    assert len(python) == len(code) - 1
    (prepared / "cells.py").write_text("\n".join([*python, QUANTISED]))
    trained(prepared, "cells.py")
