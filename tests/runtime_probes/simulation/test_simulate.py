"""What a simulated step says, on models small enough to be run in full beside it."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

from qlint.errors import UsageError
from qlint.knowledge.configurations import from_config
from qlint.memory.job import Distribution, Job

for library in ("torch", "transformers", "peft", "bitsandbytes", "accelerate"):
    pytest.importorskip(library)
simulation: Any = importlib.import_module("qlint.runtime_probes.simulation")
simulated: Any = importlib.import_module("qlint.runtime_probes.simulation.simulated")

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 640,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 2000,
    "tie_word_embeddings": False,
}


def job(**fields: Any) -> Job:
    usual: dict[str, Any] = {
        "model": from_config(LLAMA),
        "per_device_train_batch_size": 1,
        "max_seq_length": 512,
        "compute_dtype": "bfloat16",
        "double_quant": True,
        "lora_dropout": 0.05,
    }
    return Job(**{**usual, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"gradient_checkpointing": True, "target_modules": "all-linear"},
        {"gradient_checkpointing": True, "use_reentrant": True, "kbit_prepare": True},
        {"modules_to_save": ("lm_head",), "optim": "adamw_torch", "gradient_accumulation_steps": 2},
    ],
)
def test_five_layers_repeated_are_as_good_as_all(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = simulation.simulate(job(**fields))
    monkeypatch.setattr(simulated, "_LAYERS_RUN", 99)
    full = simulation.simulate(job(**fields))
    assert (short.layers_run, full.layers_run) == (5, 8)
    assert short.peak_allocated_bytes == full.peak_allocated_bytes
    assert (short.at, short.resident_bytes) == (full.at, full.resident_bytes)
    assert short.components == full.components


def test_the_parts_add_up_to_the_peak() -> None:
    result = simulation.simulate(job())
    assert sum(result.components.values()) == result.peak_allocated_bytes
    assert result.resident_bytes < result.peak_allocated_bytes <= result.peak_reserved_bytes


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"gradient_checkpointing": True}, {}),
        ({"lora_dropout": 0.0}, {}),
        ({}, {"attn_implementation": "eager"}),
        ({}, {"kbit_prepare": True}),
        ({}, {"load_in_4bit": False, "quant_method": "none"}),
        ({"optim": "paged_adamw_8bit", "lora_r": 256}, {"optim": "adamw_torch", "lora_r": 256}),
        # Its inputs stand on the autograd context, where checkpointing without reentry misses them.
        (
            {"load_in_8bit": True, "gradient_checkpointing": True, "use_reentrant": True},
            {"load_in_8bit": True, "gradient_checkpointing": True, "use_reentrant": False},
        ),
    ],
)
def test_what_takes_more(less: dict[str, Any], more: dict[str, Any]) -> None:
    def peak(fields: dict[str, Any]) -> int:
        if fields.get("load_in_8bit"):
            fields = {**fields, "load_in_4bit": False}
        found: int = simulation.simulate(job(**fields)).peak_allocated_bytes
        return found

    assert peak(less) < peak(more)


def test_paged_state_is_told_apart() -> None:
    # r 256 on q (256 wide) and v (128): no matrix of 100 000 weights, so that nothing is paged.
    assert simulation.simulate(job(optim="paged_adamw_32bit", lora_r=256)).paged_bytes == 0
    larger = job(optim="paged_adamw_32bit", lora_r=512, modules_to_save=("lm_head",))
    layers, head = 8 * 3 * 512 * 256, 2000 * 256
    assert simulation.simulate(larger).paged_bytes == (layers + head) * 2 * 4


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"optim": "galore_adamw"}, "galore_adamw"),
        ({"distributed": Distribution.ZERO3}, "zero3"),
        ({"target_modules": ("no_such_module",)}, "no_such_module"),
        ({"model": from_config({**LLAMA, "model_type": "internlm2"}, "a/model")}, "a/model"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_a_sentence(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        simulation.simulate(job(**fields))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "qwen2"},
        {"model_type": "qwen3", "head_dim": 64},
        {"model_type": "mistral"},
        {"model_type": "gemma2", "head_dim": 64},
        {"model_type": "gemma3_text", "head_dim": 64},
        {"model_type": "phi3", "pad_token_id": 0},
        {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2},
    ],
)
def test_families_of_models_run(changes: dict[str, Any]) -> None:
    base = job(model=from_config({**LLAMA, **changes}), lora_dropout=0.0)
    if changes["model_type"] == "phi3":
        base = dataclasses.replace(base, target_modules=("qkv_proj",))
    kept = simulation.simulate(base)
    recomputed = simulation.simulate(dataclasses.replace(base, gradient_checkpointing=True))
    assert recomputed.peak_allocated_bytes < kept.peak_allocated_bytes
