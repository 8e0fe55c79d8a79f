"""The prediction of whole jobs: figures that are known, and how they answer to changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_jobs import qlora

from qlint.knowledge.models import all_models
from qlint.memory.job import Distribution, Loss, Prediction
from qlint.memory.predict import predict

GIBIBYTE = 2**30


def peak(name: str = "llama-2-7b", **changes: Any) -> float:
    """Predicted allocated GiB."""
    return predict(qlora(name, **changes)).peak_allocated_bytes / GIBIBYTE


def component(prediction: Prediction, name: str) -> int:
    """Bytes of one component, 0 where it is not there."""
    return sum(part.bytes for part in prediction.components if part.name == name)


@pytest.mark.parametrize(
    ("simulated", "changes"),
    [
        (12.01, {}),
        (5.35, {"gradient_checkpointing": True}),
        (25.84, {"lora_r": 64, "target_modules": "all-linear", "max_seq_length": 2048}),
        (
            8.16,
            {
                "lora_r": 64,
                "target_modules": "all-linear",
                "max_seq_length": 2048,
                "gradient_checkpointing": True,
            },
        ),
        (9.26, {"kbit_prepare": False}),
    ],
)
def test_llama_as_the_simulation_has_it(simulated: float, changes: dict[str, Any]) -> None:
    assert peak(**changes) == pytest.approx(simulated, rel=0.01)


def test_weights_of_llama_in_four_bits() -> None:
    prediction = predict(qlora(double_quant=False))
    exact = 6_476_005_376 * 4.5 / 8
    # Small scales and the blocks of the allocator are on top.
    assert component(prediction, "quantised weights") == pytest.approx(exact, rel=0.02)
    assert component(prediction, "quantised weights") > exact


def test_preparation_doubles_what_is_not_quantised() -> None:
    half = component(predict(qlora(kbit_prepare=False)), "unquantised weights")
    full = component(predict(qlora(kbit_prepare=True)), "unquantised weights")
    assert full == pytest.approx(2 * half, rel=0.01)


def test_components_add_up_and_the_band_is_around_them() -> None:
    prediction = predict(qlora())
    assert sum(part.bytes for part in prediction.components) == prediction.peak_allocated_bytes
    assert prediction.low_bytes < prediction.peak_allocated_bytes < prediction.high_bytes
    assert prediction.peak_reserved_bytes > prediction.peak_allocated_bytes
    assert prediction.needed_bytes > prediction.peak_reserved_bytes


def test_what_costs_memory_and_what_saves_it() -> None:
    plain = peak()
    assert peak(gradient_checkpointing=True) < plain / 2
    assert peak(attn_implementation="eager") > plain + 5
    assert peak(attn_implementation="flash_attention_2") == pytest.approx(plain)
    assert peak(lora_dropout=0.0) < plain
    assert peak(load_in_4bit=False, quant_method="none", kbit_prepare=False) > 12.5
    assert peak(use_dora=True) > plain
    assert peak("llama-3.1-8b", loss=Loss.FUSED) < peak("llama-3.1-8b") - 1


def test_the_vocabulary_is_counted_at_the_loss() -> None:
    prediction = predict(qlora("llama-3.1-8b", gradient_checkpointing=True))
    assert prediction.at == "backward of the loss"
    logits = 1024 * 128_256
    assert component(prediction, "logits and loss") == pytest.approx(12 * logits, rel=0.01)


def test_eight_bit_layers_defeat_checkpointing_without_reentrance() -> None:
    eight: dict[str, Any] = {
        "load_in_4bit": False,
        "load_in_8bit": True,
        "gradient_checkpointing": True,
    }
    assert peak(**eight) > peak(**eight, use_reentrant=True) + 1


def test_accumulation_holds_all_gradients() -> None:
    changes: dict[str, Any] = {
        "lora_r": 64,
        "target_modules": "all-linear",
        "gradient_checkpointing": True,
    }
    once = predict(qlora(**changes))
    several = predict(qlora(**changes, gradient_accumulation_steps=8))
    gradients = component(several, "gradients")
    assert gradients == component(several, "adapters")
    assert several.peak_allocated_bytes > once.peak_allocated_bytes


def test_paged_state_is_counted_apart() -> None:
    ordinary = predict(qlora(lora_r=64))
    paged = predict(qlora(lora_r=64, optim="paged_adamw_32bit"))
    assert paged.paged_bytes == pytest.approx(component(ordinary, "optimizer state"), rel=0.01)
    assert component(paged, "optimizer state") == 0


def test_state_of_small_adapters_is_never_paged() -> None:
    paged = predict(qlora(lora_r=8, optim="paged_adamw_32bit"))
    assert paged.paged_bytes == 0
    assert component(paged, "optimizer state") > 0


@pytest.mark.parametrize(
    "way", [Distribution.FSDP, Distribution.ZERO1, Distribution.ZERO2, Distribution.ZERO3]
)
def test_sharing_out_takes_less_on_each_card_than_ddp(way: Distribution) -> None:
    changes: dict[str, Any] = {"lora_r": 256, "target_modules": "all-linear", "world_size": 4}
    assert peak(**changes, distributed=way) < peak(**changes, distributed=Distribution.DDP)


def test_offloading_moves_bytes_to_the_host() -> None:
    job = qlora(optim="adamw_torch", distributed=Distribution.ZERO2, world_size=2)
    there = predict(replace(job, offload_optimizer=True))
    assert there.host_bytes > 0
    assert there.peak_allocated_bytes < predict(job).peak_allocated_bytes


def test_evaluation_is_predicted_where_the_run_evaluates() -> None:
    assert predict(qlora()).evaluation_bytes is None
    quiet = predict(qlora("llama-3.1-8b", evaluates=True)).evaluation_bytes
    keeping = predict(qlora("llama-3.1-8b", evaluates=True, prediction_loss_only=False))
    assert quiet is not None
    assert keeping.evaluation_bytes is not None
    kept = 8 * 1024 * 128_256 * 4
    assert keeping.evaluation_bytes == quiet + kept
    assert quiet > 8 * 1024 * 128_256 * 8


def test_evaluation_has_its_own_batch_and_no_graph() -> None:
    job = qlora(evaluates=True, per_device_eval_batch_size=1)
    one, eight = (
        predict(replace(job, per_device_eval_batch_size=batch)).evaluation_bytes for batch in (1, 8)
    )
    assert one is not None
    assert eight is not None
    assert one < predict(job).peak_allocated_bytes
    # Weights and state stay, and the logits of the batch are the most of what comes and goes.
    assert 7 * 1024 * 32_000 * 10 <= eight - one < 1.2 * 7 * 1024 * 32_000 * 14


def test_eager_attention_shows_in_evaluation_too() -> None:
    eager, fused = (
        predict(qlora(evaluates=True, attn_implementation=kind, max_seq_length=4096))
        for kind in ("eager", "sdpa")
    )
    assert eager.evaluation_bytes is not None
    assert fused.evaluation_bytes is not None
    assert eager.evaluation_bytes > fused.evaluation_bytes + 8 * 32 * 4096**2


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.id)
def test_every_known_model_can_be_predicted(model: Any) -> None:
    job = replace(qlora(), model=model, target_modules="all-linear", gradient_checkpointing=True)
    prediction = predict(job)
    assert prediction.peak_allocated_bytes > model.quantised_parameters * 4.1 / 8
    assert all(part.bytes > 0 for part in prediction.components)


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 4),
    length=st.integers(1, 3000),
    rank=st.integers(1, 64),
    checkpointing=st.booleans(),
    prepared=st.booleans(),
    autocast=st.sampled_from(["bfloat16", "float16", None]),
    attention=st.sampled_from(["eager", "sdpa", "flash_attention_2"]),
)
def test_more_tokens_never_take_less(
    batch: int,
    length: int,
    rank: int,
    checkpointing: bool,
    prepared: bool,
    autocast: Any,
    attention: Any,
) -> None:
    job = qlora(
        "llama-3.2-1b",
        per_device_train_batch_size=batch,
        max_seq_length=length,
        lora_r=rank,
        gradient_checkpointing=checkpointing,
        kbit_prepare=prepared,
        autocast=autocast,
        attn_implementation=attention,
    )
    smaller, larger = predict(job), predict(replace(job, max_seq_length=length + 512))
    assert larger.peak_allocated_bytes > smaller.peak_allocated_bytes
    assert predict(job) == smaller
