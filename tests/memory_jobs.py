"""Jobs for the tests, made from a known model."""

from __future__ import annotations

from typing import Any

from qlint.knowledge.models import Model, find_model
from qlint.memory.job import Job

QKV = ("q_proj", "k_proj", "v_proj")


def known_model(name: str = "llama-2-7b") -> Model:
    """A model of the table."""
    found = find_model(name)
    assert found is not None
    return found


def qlora(name: str = "llama-2-7b", **changes: Any) -> Job:
    """The recipe of the literature's example: NF4, rank 8 on q, k and v, 1024 tokens."""
    fields: dict[str, Any] = {
        "model": known_model(name),
        "per_device_train_batch_size": 1,
        "max_seq_length": 1024,
        "double_quant": True,
        "compute_dtype": "bfloat16",
        "kbit_prepare": True,
        "lora_r": 8,
        "lora_dropout": 0.05,
        "target_modules": QKV,
        "optim": "adamw_torch_fused",
        **changes,
    }
    return Job(**fields)
