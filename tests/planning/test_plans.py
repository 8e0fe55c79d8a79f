"""Plans with the real memory model: what fits, what makes it fit, what the room buys."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_jobs import qlora

from qlint.knowledge.models import Model, find_model
from qlint.memory.job import Distribution, Job
from qlint.memory.predict import predict
from qlint.planning.cards import Cards
from qlint.planning.edge import LENGTHS, Edge
from qlint.planning.fitting import cheapest_changes, single_changes
from qlint.planning.plan import make_plan
from qlint.planning.recommend import query_key_value, recipe_fields, recommend
from qlint.planning.room import layers_in_16_bits, room_of
from qlint.planning.subject import Subject
from qlint.records import replace

GB = 10**9
CARD = 25 * GB


def model(name: str = "llama-2-7b") -> Model:
    found = find_model(name)
    assert found is not None
    return found


LEAN = recommend(model(), CARD, predict)
FAT = replace(
    LEAN,
    per_device_train_batch_size=4,
    max_seq_length=2048,
    gradient_checkpointing=False,
    lora_r=64,
    target_modules="all-linear",
    optim="adamw_torch",
    kbit_prepare=True,
)


def test_the_lean_recipe_is_recommended_for_24_gigabytes() -> None:
    fields = recipe_fields(LEAN)
    assert fields["target_modules"] == ["q_proj", "k_proj", "v_proj"]
    expected = {
        "load_in_4bit": True,
        "quant_type": "nf4",
        "double_quant": True,
        "bf16": True,
        "lora_r": 8,
        "lora_alpha": 16,
        "max_seq_length": 1024,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "gradient_checkpointing": True,
        "optim": "adamw_8bit",
    }
    assert {name: fields[name] for name in expected} == expected
    assert recipe_fields(recommend(model(), CARD, predict, bfloat16=False))["fp16"] is True


def test_fused_projections_are_named_as_the_model_names_them() -> None:
    assert query_key_value(model("microsoft/Phi-3-mini-4k-instruct")) == ("qkv_proj",)


def test_a_small_card_gets_shorter_sequences() -> None:
    lengths = [recommend(model(), int(gb * GB), predict).max_seq_length for gb in (25, 5.1, 1)]
    assert lengths[0] == 1024
    assert lengths[-1] == 256
    assert lengths == sorted(lengths, reverse=True)


def test_the_changes_end_where_the_job_fits_and_none_is_superfluous() -> None:
    steps = cheapest_changes(FAT, CARD, predict)
    assert not predict(FAT).needed_bytes <= CARD
    assert [step.fits for step in steps] == [False] * (len(steps) - 1) + [True]
    for left_out in steps:
        job = FAT
        for step in steps:
            if step is not left_out:
                job = step.change.apply(job) or job
        assert predict(job).needed_bytes > CARD, left_out.change.name


def test_what_helps_is_listed_even_where_it_is_not_enough() -> None:
    steps = cheapest_changes(FAT, GB, predict)
    assert len(steps) > 5
    assert not steps[-1].fits
    needed = [step.prediction.needed_bytes for step in steps]
    assert needed == sorted(needed, reverse=True)


def test_free_changes_come_before_those_that_cost() -> None:
    costs = [bool(step.change.free) for step in single_changes(FAT, CARD, predict)]
    assert costs == sorted(costs, reverse=True)


def longest(job: Job, usable: int) -> int | None:
    return Edge(job, usable, predict).longest(job.per_device_train_batch_size)


@given(st.integers(5, 80), st.sampled_from([1, 3]))
def test_the_longest_sequence_fits_and_a_longer_one_does_not(gigabytes: int, batch: int) -> None:
    usable = gigabytes * GB
    job = replace(LEAN, per_device_train_batch_size=batch)
    reached = longest(job, usable)
    if reached is not None:
        assert predict(replace(job, max_seq_length=reached)).most_needed_bytes <= usable
    # Segments make jumps; beyond them nothing fits.
    longer = next(length for length in LENGTHS if length > 1.2 * (reached or 0))
    assert predict(replace(job, max_seq_length=longer)).most_needed_bytes > usable


def test_lengths_grow_by_a_sixteenth_at_most() -> None:
    assert list(LENGTHS) == sorted(set(LENGTHS))
    assert all(b - a <= max(128, a // 16) for a, b in itertools.pairwise(LENGTHS))


@pytest.mark.parametrize("name", ["llama-2-7b", "mistralai/Mistral-7B-v0.1"])
def test_larger_batches_reach_less_far_and_each_fits(name: str) -> None:
    job = recommend(model(name), CARD, predict)
    reached = room_of(job, CARD, predict).frontier
    assert [one.per_device_train_batch_size for one in reached] == [1, 2, 4, 8, 16, 32]
    lengths = [one.max_seq_length for one in reached]
    assert lengths == sorted(lengths, reverse=True)
    for one in reached:
        batch = replace(job, per_device_train_batch_size=one.per_device_train_batch_size)
        fitting = predict(replace(batch, max_seq_length=one.max_seq_length))
        assert fitting.most_needed_bytes <= CARD
        assert one.max_seq_length >= 0.85 * (longest(batch, CARD) or 0)


def test_a_batch_between_the_usual_ones_has_its_own_longest_sequence() -> None:
    job = replace(LEAN, per_device_train_batch_size=3)
    room = room_of(job, CARD, predict)
    assert room.max_seq_length == longest(job, CARD)
    assert room.largest_batch == 16
    assert room.without_checkpointing


def test_layers_that_need_not_be_quantised() -> None:
    """As many as fit, by the difference between both bases: all layers, embeddings left aside."""
    dense = replace(LEAN, load_in_4bit=False, quant_method="none")
    weights = predict(dense).needed_bytes - predict(LEAN).needed_bytes
    least = predict(LEAN).most_needed_bytes
    assert layers_in_16_bits(LEAN, least, predict) == 0
    assert layers_in_16_bits(LEAN, least + weights // 2, predict) == pytest.approx(16, abs=1)
    assert layers_in_16_bits(LEAN, least + 2 * weights, predict) == 32
    assert layers_in_16_bits(dense, 100 * GB, predict) == 0
    assert layers_in_16_bits(replace(LEAN, kbit_prepare=True), 100 * GB, predict) == 0


def test_without_a_card_there_is_a_prediction_and_no_verdict() -> None:
    plan = make_plan(Subject(LEAN), None, predict)
    assert plan.fits is None
    assert plan.prediction.peak_allocated_bytes > 3 * GB


@pytest.mark.parametrize(
    ("name", "usable", "expected"),
    [
        ("llama-2-7b", 25 * GB, "LoRA 16-bit + DDP"),
        ("llama-2-7b", 13 * GB, "LoRA 16-bit + FSDP"),
        ("llama-2-13b", 13 * GB, "QLoRA + DDP"),
        ("llama-2-70b", 25 * GB, "QLoRA + FSDP"),
    ],
)
def test_two_cards_the_recommendation_follows_the_fit(
    name: str, usable: int, expected: str
) -> None:
    job = recommend(model(name), usable, predict)
    shared = make_plan(Subject(job), Cards("a card", usable, 2), predict).shared
    assert shared is not None
    assert [one.way.name for one in shared.strategies] == [
        "QLoRA on one card",
        "QLoRA + DDP",
        "LoRA 16-bit + DDP",
        "LoRA 16-bit + FSDP",
        "QLoRA + FSDP",
    ]
    assert shared.recommended is not None
    assert shared.recommended.way.name == expected
    assert "flips" in shared.reason


def test_sharding_takes_less_of_each_card_than_copies() -> None:
    shared = make_plan(Subject(LEAN), Cards("a card", CARD, 2), predict).shared
    assert shared is not None
    needed = {one.way.name: one.prediction.peak_allocated_bytes for one in shared.strategies}
    assert needed["LoRA 16-bit + FSDP"] < needed["LoRA 16-bit + DDP"]
    assert needed["QLoRA + DDP"] >= needed["QLoRA on one card"]
    jobs = {one.way.distributed: one.job for one in shared.strategies}
    assert isinstance(jobs[Distribution.FSDP], Job)


def test_reentrant_checkpointing_is_left_where_fsdp_pays_for_it() -> None:
    job = qlora(
        "llama-2-70b",
        per_device_train_batch_size=8,
        gradient_checkpointing=True,
        use_reentrant=True,
        checkpoints_around_layers=True,
        distributed=Distribution.FSDP,
        world_size=2,
    )
    named = {step.change.name: step for step in single_changes(job, CARD, predict)}
    step = named["checkpointing with use_reentrant=False"]
    assert step.change.free
    assert step.saved_bytes > 8 * GB
