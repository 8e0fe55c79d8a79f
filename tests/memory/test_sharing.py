"""What several processes keep beside their share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from memory_jobs import qlora

from qlint.memory.job import Distribution, Job
from qlint.memory.predict import predict

TOKENS, HIDDEN, LAYERS = 1024, 8192, 80


def sharded(**changes: Any) -> Job:
    """Llama 2 70B on two cards, as Hugging Face's libraries of 2024 trained it."""
    fields: dict[str, Any] = {
        "distributed": Distribution.FSDP,
        "world_size": 2,
        "gradient_checkpointing": True,
        "use_reentrant": True,
        "checkpoints_around_layers": True,
        "kbit_prepare": False,
        **changes,
    }
    return qlora("llama-2-70b", **fields)


def test_fsdp_keeps_inputs_and_their_gradients_under_reentrant_checkpointing() -> None:
    job = sharded(per_device_train_batch_size=8)
    kept = predict(job)
    freed = predict(replace(job, checkpoints_around_layers=False))
    copy = 2 * 8 * TOKENS * HIDDEN * LAYERS
    assert kept.at == "backward of layer 0"
    # The loss is the other run's peak, so that the whole copy does not show.
    assert 0.8 * copy < kept.peak_allocated_bytes - freed.peak_allocated_bytes < copy


@pytest.mark.parametrize(
    "change",
    [
        {"use_reentrant": False},
        {"fsdp_version": 2},
        {"checkpoints_around_layers": False},
        {"distributed": Distribution.ZERO3},
    ],
)
def test_nothing_else_keeps_them(change: dict[str, Any]) -> None:
    assert predict(sharded(**change)).at != "backward of layer 0"
