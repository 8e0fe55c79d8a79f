"""Running out of memory is told from other errors, and what it held is given back."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

import torch

memory: Any = importlib.import_module("qlint.runtime_probes.out_of_memory")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("CUDA error: out of memory"),  # A kernel that is loaded when it is called.
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_whoever_says_it(error: RuntimeError) -> None:
    cleaned = []

    def fails() -> None:
        raise error

    assert memory.attempt(fails, lambda: cleaned.append(True)) is None
    assert cleaned == [True]


def test_other_errors_are_the_callers() -> None:
    def fails() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side"):
        memory.attempt(fails, lambda: None)


def test_the_frames_of_a_failed_step_hold_nothing() -> None:
    """They would keep all its tensors alive as long as anybody holds the error."""
    kept: list[RuntimeError] = []

    class Tensors:
        alive = 0

        def __init__(self) -> None:
            Tensors.alive += 1

        def __del__(self) -> None:
            Tensors.alive -= 1

    def step() -> None:
        tensors = Tensors()
        assert tensors.alive
        error = torch.OutOfMemoryError("CUDA out of memory.")
        kept.append(error)
        raise error

    assert memory.attempt(step, lambda: None) is None
    assert Tensors.alive == 0
    assert kept
