"""The stored results belong to the recipes of the grid, and to the simulation as it is."""

from __future__ import annotations

import json
from importlib import metadata

import pytest
import simulation_grid


def test_the_grid_is_wide() -> None:
    rows = list(simulation_grid.grid())
    jobs = [row.job() for row in rows]
    assert len({json.dumps([row.model, row.fields]) for row in rows}) >= 200
    assert len({job.model.architecture for job in jobs}) >= 6
    assert {job.gradient_checkpointing for job in jobs} == {True, False}


def test_every_recipe_has_its_result() -> None:
    stored = simulation_grid.read()
    assert [row for row, _ in stored] == list(simulation_grid.grid())
    for row, result in stored:
        assert sum(result["components"].values()) == result["peak_allocated_bytes"], row
        assert result["peak_allocated_bytes"] <= result["peak_reserved_bytes"]


@pytest.mark.slow
@pytest.mark.parametrize("model", simulation_grid.MODELS)
def test_the_stored_results_are_todays(model: str) -> None:
    for library, version in simulation_grid.versions_read().items():
        pytest.importorskip(library)
        if metadata.version(library) != version:
            pytest.skip(f"the results are of {library} {version}")
    row, result = next(
        (row, result) for row, result in simulation_grid.read() if row.model == model
    )
    assert simulation_grid.simulated(row) == result
