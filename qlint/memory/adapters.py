"""What LoRA adapters cost: parameters, gradients and optimizer state, in closed form.

An adapter on a linear layer of ``inputs`` x ``outputs`` holds A (r x inputs) and B (outputs x r),
so ``r * (inputs + outputs)`` parameters. PEFT keeps them in float32 over a quantised base
(``autocast_adapter_dtype``), so each costs 4 bytes, its gradient 4 more, and 32-bit Adam 8;
trainers of TRL halve that (:mod:`qlint.memory.adapter_dtype`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qlint.knowledge.models import Linear, Model
from qlint.memory.optimizer import OptimizerKind, optimizer_kind
from qlint.memory.quantisation import bits_per_parameter
from qlint.memory.targets import adapted_linears
from qlint.records import Record

__all__ = [
    "AdapterMemory",
    "OptimizerKind",
    "adapter_memory",
    "adapter_parameters",
    "bits_per_parameter",
    "optimizer_kind",
]


class AdapterMemory(Record):
    """Memory that exists because adapters are trained, in bytes.

    ``paged`` says that the optimizer state can leave the card when it is full.
    """

    parameters: int
    weight_bytes: int
    gradient_bytes: int
    state_bytes: int
    paged: bool = False

    @property
    def total_bytes(self) -> int:
        """Adapters, their gradients and the optimizer's state."""
        return self.weight_bytes + self.gradient_bytes + self.state_bytes


def adapter_parameters(
    model: Model, rank: int, target_modules: str | Sequence[str], dora: bool = False
) -> int | None:
    """Trainable parameters of LoRA adapters, or None where the targets cannot be told.

    DoRA adds one magnitude for each output of an adapted layer.
    """
    adapted = adapted_linears(model, target_modules)
    if adapted is None:
        return None
    magnitudes = sum(linear.outputs * places for linear, places in adapted) if dora else 0
    return magnitudes + sum(rows * columns for rows, columns in _matrices(adapted, rank))


def adapter_memory(
    model: Model,
    rank: int,
    target_modules: str | Sequence[str],
    optimizer: OptimizerKind | None,
    dora: bool = False,
    size: int = 4,
) -> AdapterMemory | None:
    """Bytes for adapters, gradients and optimizer state, or None where the targets are unclear.

    ``size`` is the bytes of an adapter's element, 4 (float32) or 2 (bfloat16).
    With an unknown optimizer (None) the state counts nothing, which makes the sum a lower bound.
    """
    parameters = adapter_parameters(model, rank, target_modules, dora)
    adapted = adapted_linears(model, target_modules)
    if parameters is None or adapted is None:
        return None
    return AdapterMemory(
        parameters=parameters,
        weight_bytes=parameters * size,
        gradient_bytes=parameters * size,
        state_bytes=optimizer.state_bytes(_matrices(adapted, rank), size) if optimizer else 0,
        paged=optimizer.paged if optimizer else False,
    )


def _matrices(adapted: Sequence[tuple[Linear, int]], rank: int) -> Iterator[tuple[int, int]]:
    """The shapes of A and B for every adapted place."""
    for linear, places in adapted:
        for _ in range(places):
            yield rank, linear.inputs
            yield linear.outputs, rank
