"""What is trained is counted, and what 8-bit state would save with it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

torch = pytest.importorskip("torch")
trained_state: Any = importlib.import_module("qlint.runtime_probes.trained_state")


class Stepping:
    """One linear layer of 64 x 128 numbers, and a bias that is too small for 8-bit state."""

    def __init__(self, dtype: Any, optimizer: str) -> None:
        self.model = torch.nn.Linear(128, 64, dtype=dtype)
        made: Any = getattr(torch.optim, optimizer)
        self.optimizer = made(self.model.parameters(), lr=1e-3)
        self.windows = [torch.ones(2, 128, dtype=dtype)]

    def forward_backward(self, inputs: Any) -> float:
        loss = self.model(inputs).square().mean()
        loss.backward()
        return float(loss.detach())

    def update(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()


@pytest.mark.parametrize(
    ("dtype", "optimizer", "saved"),
    [
        ("float32", "AdamW", 2 * 3 * 8192),
        ("bfloat16", "AdamW", 2 * 1 * 8192),
        ("float32", "Adagrad", 1 * 3 * 8192),
        ("float32", "SGD", 0),
    ],
)
def test_eight_bits_save_all_but_one_byte_of_each_moment(
    dtype: str, optimizer: str, saved: int
) -> None:
    counted = trained_state.measure(Stepping(getattr(torch, dtype), optimizer))

    assert counted["eight_bit_saves_bytes"] == saved
    assert counted["parameters"] == 8192 + 64
    assert counted["parameter_bytes"] == counted["gradient_bytes"]


def test_state_that_has_eight_bits_already_saves_nothing() -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    run = Stepping(torch.float32, "SGD")
    run.optimizer = bitsandbytes.optim.AdamW8bit(run.model.parameters(), lr=1e-3)

    assert trained_state.measure(run)["eight_bit_saves_bytes"] == 0
