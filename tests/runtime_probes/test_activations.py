"""The memory of a step: how high, where, of what, and with checkpointing on and off."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from wide_run import wide_run

torch = pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")
pytest.importorskip("peft")

PROBE = "qlint.runtime_probes.activations"


def measure(run: Any) -> dict[str, Any]:
    result: dict[str, Any] = importlib.import_module(f"{PROBE}.probe").measure(run).as_json()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [None, True, False])
def test_the_trackers_peak_is_the_profilers(checkpointing: bool | None) -> None:
    run = wide_run(hidden=256, rows=256, batch=2, micro_batches=2, checkpointing=checkpointing)

    found = measure(run)

    resident = found["resident_bytes"]
    dynamic = found["cross_check"]["peak_bytes"] - resident
    assert found["peak_bytes"] - resident == pytest.approx(dynamic, rel=0.01)
    assert found["noise"] == 0
    assert sum(found["by_kind"].values()) == found["peak_bytes"]
    assert sum(found["by_module"].values()) == found["peak_bytes"] - resident


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [None, True])
def test_both_modes_are_measured_and_the_runs_own_is_put_back(checkpointing: bool | None) -> None:
    run = wide_run(hidden=256, rows=128, batch=2, checkpointing=checkpointing)
    switches = importlib.import_module(f"{PROBE}.checkpointing")
    weights = [parameter.detach().clone() for parameter in run.model.parameters()]

    found = measure(run)

    modes = found["checkpointing"]
    assert modes["on"]["peak_bytes"] < modes["off"]["peak_bytes"]
    assert modes["on"]["saved_bytes"] < modes["off"]["saved_bytes"] / 2
    own = "on" if checkpointing else "off"
    assert modes[own]["as_in_the_run"] is True
    assert modes[own]["peak_bytes"] == found["peak_bytes"]
    assert modes["on"]["use_reentrant"] is bool(checkpointing)
    assert switches.is_on(run.model) is bool(checkpointing)
    assert all(torch.equal(a, b) for a, b in zip(weights, run.model.parameters(), strict=True))


@pytest.mark.slow
def test_evaluation_and_scaling() -> None:
    found = measure(wide_run(hidden=256, rows=128, batch=2, micro_batches=2))

    assert found["evaluation"]["peak_bytes"] < found["peak_bytes"]
    points = found["scaling"]["points"]
    assert [(one["rows"], one["length"]) for one in points] == [
        (2, 128),
        (2, 64),
        (2, 32),
        (1, 128),
    ]
    assert points[0]["peak_bytes"] > points[1]["peak_bytes"] > points[2]["peak_bytes"]
    assert found["scaling"]["bytes_per_token"] > 0
    assert {"adapters", "attention", "saved inputs", "optimizer state"} <= set(found["by_kind"])
    # The second micro-batch meets the gradients of the first.
    assert found["by_kind"]["gradients"] >= found["by_kind"]["trained parameters"]


@pytest.mark.slow
def test_logits_are_told_apart() -> None:
    """Of a short model with long batches they stand at the peak."""
    found = measure(wide_run(hidden=64, layers=1, rows=512))

    assert found["by_kind"]["logits and loss"] + found["by_kind"].get("backward temporaries", 0) > (
        512 * 512 * 4
    )


def test_the_longest_rows_of_a_dataset_make_the_batch() -> None:
    longest = importlib.import_module(f"{PROBE}.longest")
    window = importlib.import_module("qlint.runtime_probes.replay.window").Window

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = [row["input_ids"] + [0] * (width - len(row["input_ids"])) for row in rows]
        return {"input_ids": torch.tensor(ids)}

    rows = [{"input_ids": [1] * (10 + number)} for number in range(30)]
    trainer = SimpleNamespace(
        train_dataset=rows,
        data_collator=collate,
        _get_collator_with_removed_columns=lambda collator, description: collator,
    )
    recorded = window((collate(rows[:2]), collate(rows[5:7])), None)

    found = longest.longest(SimpleNamespace(windows=[recorded], trainer=trainer))
    without = longest.longest(SimpleNamespace(windows=[recorded]))

    assert (found.rows, found.length) == (2, 39)
    assert found.source == "the 2 longest of 30 rows of the dataset"
    assert (without.rows, without.length) == (2, 16)
    assert without.source == "the longest of 2 recorded batches"


def test_a_batch_is_shortened_in_all_its_tensors() -> None:
    longest = importlib.import_module(f"{PROBE}.longest")
    inputs = {
        "input_ids": torch.zeros(2, 8),
        "attention_mask": torch.zeros(2, 1, 8, 8),
        "weights": torch.zeros(2),
        "name": "a",
    }

    found = longest.shortened(longest.Longest(inputs, 2, 8, ""), 1, 4).inputs

    assert found["input_ids"].shape == (1, 4)
    assert found["attention_mask"].shape == (1, 1, 4, 4)
    assert found["weights"].shape == (1,)
    assert inputs["input_ids"].shape == (2, 8)


def test_the_allocators_history_is_added_up() -> None:
    """As CUDA's allocator records it: what is asked for, in blocks of 512 bytes."""
    history = importlib.import_module(f"{PROBE}.history")
    kinds = importlib.import_module(f"{PROBE}.kinds").Kinds(torch.nn.Linear(1, 1))
    peak_of = importlib.import_module(f"{PROBE}.peak").peak_of
    entries = [
        {"action": "alloc", "addr": 1, "size": 1000, "user_metadata": "forward|layers.*.mlp"},
        {"action": "segment_alloc", "addr": 0, "size": 9999},
        {"action": "alloc", "addr": 2, "size": 100, "user_metadata": "backward|"},
        {"action": "free_requested", "addr": 1, "size": 1000},
        {"action": "free_completed", "addr": 1, "size": 1000},
        {"action": "free_requested", "addr": 77, "size": 5},
        {"action": "alloc", "addr": 1, "size": 600, "user_metadata": "backward|layers.*.mlp"},
    ]

    peak = peak_of(history.replayed({"quantised weights": 5000}, entries), kinds)

    assert (peak.peak_bytes, peak.resident_bytes, peak.saved_bytes) == (6536, 5000, 1024)
    assert peak.at == {"phase": "backward", "module": "outside of modules"}
    assert peak.by_module == {"layers.*.mlp": 1024, "outside of modules": 512}
    assert peak.by_kind["quantised weights"] == 5000
