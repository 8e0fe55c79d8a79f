"""The memory of a step: how high, where, of what, and with checkpointing on and off."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wide_run import wide_run

torch = pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")
pytest.importorskip("peft")

PROBE = "qlint.runtime_probes.activations"


def measure(run: Any) -> dict[str, Any]:
    result: dict[str, Any] = importlib.import_module(f"{PROBE}.probe").measure(run).as_json()
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "checkpointing"),
    [
        ({"hidden": 256, "rows": 256, "batch": 2, "micro_batches": 2}, None),
        ({"hidden": 256, "rows": 256, "batch": 2, "micro_batches": 2}, True),
        ({"hidden": 256, "rows": 256, "batch": 2, "micro_batches": 2}, False),
        # Weights that are large beside the activations: the peak stands where one is dense.
        ({"hidden": 512, "rows": 64}, None),
        ({"hidden": 512, "rows": 64}, False),
    ],
)
def test_the_trackers_peak_is_the_profilers(
    shape: dict[str, Any], checkpointing: bool | None
) -> None:
    found = measure(wide_run(**shape, checkpointing=checkpointing))

    resident = found["resident_bytes"]
    dynamic = found["cross_check"]["peak_bytes"] - resident
    assert found["peak_bytes"] - resident == pytest.approx(dynamic, rel=0.01)
    assert found["noise"] == 0
    assert sum(found["by_kind"].values()) == found["peak_bytes"]
    assert sum(found["by_module"].values()) == found["peak_bytes"] - resident
    # The planner's closed form, of the same step.
    assert found["prediction"]["bytes"] == pytest.approx(found["peak_bytes"], rel=0.03)


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
    for mode in modes.values():
        assert sum(mode["by_kind"].values()) == mode["peak_bytes"]
    assert modes["on"]["use_reentrant"] is bool(checkpointing)
    assert switches.is_on(run.model) is bool(checkpointing)
    assert all(torch.equal(a, b) for a, b in zip(weights, run.model.parameters(), strict=True))


@pytest.mark.slow
def test_what_is_switched_on_is_what_a_run_has_that_checkpoints() -> None:
    """Also where a script switched it off, which leaves another kind of it in the model."""
    without = wide_run(hidden=256, rows=128, batch=2)
    without.model.gradient_checkpointing_disable()

    switched = measure(without)["checkpointing"]["on"]
    own = measure(wide_run(hidden=256, rows=128, batch=2, checkpointing=False))["checkpointing"]

    assert switched["peak_bytes"] == pytest.approx(own["on"]["peak_bytes"], rel=0.02)
    assert switched["at"] == own["on"]["at"]


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
def test_past_its_time_the_peak_is_all_that_is_measured() -> None:
    run = wide_run(hidden=64, layers=1, rows=64, batch=2)
    probe = importlib.import_module(f"{PROBE}.probe")

    found = probe.measure(run, seconds=0.0).as_json()

    spent = "the time budget was spent"
    whole, *others = found["scaling"]["points"]
    assert found["peak_bytes"] == whole["peak_bytes"] > 0
    assert {one["skipped"] for one in others} == {spent}
    assert found["checkpointing"]["on"]["skipped"] == spent
    assert found["checkpointing"]["off"]["peak_bytes"] == found["peak_bytes"]
    assert found["evaluation"] == {"skipped": spent}


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


@pytest.mark.slow
def test_the_largest_that_fits_a_card_is_found_by_running_it() -> None:
    """With the tracker's peak for a card's memory: a real step at every size that is reported."""
    run = wide_run(hidden=64, layers=1, rows=64, batch=2)
    probe = importlib.import_module(f"{PROBE}.probe")
    instruments = importlib.import_module(f"{PROBE}.instruments")
    batch = importlib.import_module(f"{PROBE}.longest").longest(run)
    own = measure(run)["peak_bytes"]
    card = instruments.OnProcessor(run, torch.device("cpu"), card_bytes=3 * own)
    deadline = importlib.import_module(f"{PROBE}.duration").Deadline

    found = probe.measured(run, batch, card, deadline()).as_json()["largest"]

    assert found["capacity_bytes"] == 3 * own
    by_length, by_rows = found["by_length"], found["by_rows"]
    assert (by_length["rows"], by_rows["length"]) == (2, 64)
    assert by_length["length"] % 16 == 0
    assert by_length["length"] < by_length["fails_at"]
    assert by_rows["rows"] + 1 == by_rows["fails_at"]
    assert 2.5 * own < by_rows["peak_bytes"] <= 3 * own


@pytest.mark.slow
def test_a_run_that_generates_has_a_peak_for_it() -> None:
    run = wide_run(hidden=64, layers=1, rows=64, batch=2)
    assert measure(run)["generation"] == {"skipped": "the run does not generate while it trains"}
    run.trainer = SimpleNamespace(
        args=SimpleNamespace(predict_with_generate=True, generation_max_length=72),
        accelerator=SimpleNamespace(unwrap_model=lambda model: model),
    )

    found = measure(run)

    assert 0 < found["generation"]["peak_bytes"] < found["peak_bytes"]
    assert found["prediction"]["skipped"] == (
        "the planner does not know the loss of SimpleNamespace"
    )
    assert run.forward_backward(run.windows[0]) > 0


@pytest.mark.slow
def test_a_generation_without_end_is_skipped() -> None:
    run = wide_run(hidden=64, layers=1, rows=64, batch=2)
    generation = importlib.import_module(f"{PROBE}.generation")
    run.trainer = SimpleNamespace(
        args=SimpleNamespace(predict_with_generate=True, generation_max_length=1_000_000),
        accelerator=SimpleNamespace(unwrap_model=lambda model: model),
    )

    work = generation.generation(run, run.windows[0].inputs[0], 0.5)

    with pytest.raises(generation.NothingGenerated, match="longer than 0 s"):
        work(lambda phase: None)


@given(
    bytes_each=st.integers(1, 50),
    fixed=st.integers(0, 500),
    capacity=st.integers(600, 20_000),
    own=st.integers(1, 4),
    step=st.sampled_from([1, 4]),
    limit=st.integers(10, 400),
    guess=st.integers(0, 1000),
)
def test_what_is_reported_as_the_largest_was_run(
    bytes_each: int, fixed: int, capacity: int, own: int, step: int, limit: int, guess: int
) -> None:
    search = importlib.import_module(f"{PROBE}.largest").largest
    ran: dict[int, int | None] = {own * step: fixed + bytes_each * own * step}

    def peak_at(size: int) -> int | None:
        peak = fixed + bytes_each * size
        ran[size] = peak if peak <= capacity else None
        return ran[size]

    first = (own * step, fixed + bytes_each * own * step)
    found = search(peak_at, first, guess, step, max(limit, own * step))

    assert ran[found.fits] == found.peak_bytes
    assert own * step <= found.fits <= max(limit, own * step)
    assert found.fails is None or (found.fails > found.fits and ran[found.fails] is None)
    assert len(ran) <= 7


def test_neighbours_make_the_batch_where_the_sampler_keeps_the_order() -> None:
    of_dataset = importlib.import_module(f"{PROBE}.dataset").of_dataset
    lengths = [9, 2, 3, 30, 1, 1, 29]
    rows = [{"input_ids": [1] * length} for length in lengths]
    trainer = SimpleNamespace(
        train_dataset=rows,
        data_collator=lambda rows: [len(row["input_ids"]) for row in rows],
        _get_collator_with_removed_columns=lambda collator, description: collator,
        _train_batch_size=2,
        _get_train_sampler=lambda: torch.utils.data.SequentialSampler(rows),
    )

    assert of_dataset(trainer, 5) == ([3, 30], "the longest 2 neighbours of 7 rows of the dataset")
    trainer._get_train_sampler = lambda: torch.utils.data.RandomSampler(rows)
    assert of_dataset(trainer, 5) == ([30, 29], "the 2 longest of 7 rows of the dataset")


def test_a_pair_is_as_long_as_its_prompt_and_the_longer_answer() -> None:
    of_dataset = importlib.import_module(f"{PROBE}.dataset").of_dataset
    rows = [
        {"prompt_ids": [1] * 5, "chosen_ids": [1] * 6, "rejected_ids": [1] * 6},
        {"prompt_ids": [1] * 5, "chosen_ids": [1] * 1, "rejected_ids": [1] * 9},
    ]
    trainer = SimpleNamespace(
        train_dataset=rows,
        data_collator=lambda rows: rows,
        _get_collator_with_removed_columns=lambda collator, description: collator,
    )

    assert of_dataset(trainer, 1)[0] == [rows[1]]


@pytest.mark.parametrize("device", ["cpu"])
def test_marks_are_set_where_the_backward_runs(device: str) -> None:
    history = importlib.import_module(f"{PROBE}.history")
    seen: list[int] = []

    history.in_backward_thread(
        torch.device(device), lambda: seen.append(torch._C._current_graph_task_id())
    )

    assert len(seen) == 1
    assert seen[0] != -1


@pytest.mark.slow
def test_an_evaluation_leaves_a_model_that_trains() -> None:
    """At rest bitsandbytes packs weights anew, for good; half a block cannot be packed at all."""
    shaped = importlib.import_module("qlint.runtime_probes.shaped_model")
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 100,
    }
    model = shaped.build_model(config, 1, torch.device("cpu"), torch.float32)
    model = shaped.adapted(model, 4, ["q_proj"], 0.0)
    trained = [one for one in model.parameters() if one.requires_grad]
    run = shaped.random_run(model, torch.optim.AdamW(trained), steps=1, batch=1, length=16)
    before = run.forward_backward(run.windows[0])
    run.model.zero_grad()

    assert run.evaluate(run.windows[0]) == pytest.approx(before)
    assert run.forward_backward(run.windows[0]) == pytest.approx(before)
    assert all(one.grad is not None for one in trained)


def test_a_batch_is_cut_and_repeated_in_all_its_tensors() -> None:
    longest = importlib.import_module(f"{PROBE}.longest")
    inputs = {
        "input_ids": torch.zeros(2, 8, dtype=torch.long),
        "attention_mask": torch.zeros(2, 1, 8, 8),
        "weights": torch.zeros(2),
        "name": "a",
    }

    batch = longest.Longest(inputs, 2, 8, "")
    found = longest.reshaped(batch, 1, 4).inputs
    larger = longest.reshaped(batch, 5, 12).inputs

    assert found["input_ids"].shape == (1, 4)
    assert found["attention_mask"].shape == (1, 1, 4, 4)
    assert found["weights"].shape == (1,)
    assert inputs["input_ids"].shape == (2, 8)
    assert larger["input_ids"].shape == (5, 12)
    assert larger["attention_mask"].shape == (5, 1, 12, 12)
    assert larger["weights"].shape == (5,)


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
        {"action": "alloc", "addr": 3, "size": 90, "user_metadata": "backward|layers.*.mlp"},
    ]
    known = {(3, 90): "dequantised weight", (1, 90): "gradients"}

    peak = peak_of(history.replayed({"quantised weights": 5000}, entries, known), kinds)

    assert (peak.peak_bytes, peak.resident_bytes, peak.saved_bytes) == (7048, 5000, 1024)
    assert peak.at == {"phase": "backward", "module": "layers.*.mlp"}
    assert peak.by_module == {"layers.*.mlp": 1536, "outside of modules": 512}
    assert peak.by_kind["quantised weights"] == 5000
    assert peak.by_kind["dequantised weight"] == 512
    assert "gradients" not in peak.by_kind
