"""The closed form against the simulated grid (``benchmarks/simulation_grid.py``)."""

from __future__ import annotations

import importlib
import statistics
from typing import Any

import pytest
import simulation_grid
from memory_jobs import qlora

from qlint.memory.job import Job
from qlint.memory.predict import predict

MEDIAN_ERROR = 0.01
WORST_ERROR = 0.04


def test_the_closed_form_agrees_with_the_grid() -> None:
    if not simulation_grid.RESULTS.exists():
        pytest.skip("the grid has not been simulated")
    errors: dict[str, float] = {}
    for number, (row, simulated) in enumerate(simulation_grid.read()):
        predicted = predict(row.job()).peak_allocated_bytes
        errors[f"{number} {row.model}"] = abs(predicted / simulated["peak_allocated_bytes"] - 1)
    assert len(errors) >= 200
    assert statistics.median(errors.values()) <= MEDIAN_ERROR
    worst = max(errors, key=lambda name: errors[name])
    assert errors[worst] <= WORST_ERROR, worst


@pytest.mark.slow
@pytest.mark.parametrize(
    "job",
    [
        qlora(),
        qlora(gradient_checkpointing=True, lora_r=64, target_modules="all-linear"),
        qlora("qwen2.5-1.5b", kbit_prepare=False, per_device_train_batch_size=4),
    ],
    ids=["plain", "checkpointed", "batch"],
)
def test_the_closed_form_agrees_with_a_simulation_now(job: Job) -> None:
    pytest.importorskip("torch")
    simulation: Any = importlib.import_module("qlint.runtime_probes.simulation")
    simulated = simulation.simulate(job).peak_allocated_bytes
    assert predict(job).peak_allocated_bytes == pytest.approx(simulated, rel=MEDIAN_ERROR)
