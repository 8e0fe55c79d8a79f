"""The prediction: what stays, plus the highest station of a step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from qlint.memory.distribution import Static, distributed
from qlint.memory.job import Component, Distribution, Job, Prediction
from qlint.memory.optimizer_step import OptimizerMemory, optimizer_memory
from qlint.memory.quantisation import four_bit_tensors
from qlint.memory.reserved import unused_bytes
from qlint.memory.step.evaluation import evaluation_bytes
from qlint.memory.step.stations import Station, held_by_loop, stations
from qlint.memory.step.walk import Walk, walk
from qlint.memory.trained import Trained, trained_matrices
from qlint.memory.weights import (
    quantised_linears,
    quantised_tensors,
    total_bytes,
    unquantised_tensors,
)
from qlint.records import Record

WORKSPACE_BYTES = 2 * (2 * 4096 + 8 * 16) * 1024
"""cuBLAS' workspace, ``:4096:2:16:8``, of the forward's and of the backward's thread
(``aten/src/ATen/cuda/CublasHandlePool.cpp``); a Hopper card takes four times as much."""

CONTEXT_BYTES = 600_000_000
"""What the CUDA context and the libraries' kernels take before the first tensor: 0.3 to 0.6 GB."""

_GRADIENTS = "gradients"
_BAND = 0.04
_WIDE_BAND = 0.12
"""The error band where a term is an estimate: mixtures of experts, sharding, fused losses of other
libraries."""


def predict(job: Job) -> Prediction:
    """Peak memory of one process of this job, by component, at the highest point of a step."""
    height = _height(job)
    peak = sum(height.amounts.values())
    band = _band(job)
    share = height.share
    unused = unused_bytes(height.walked)
    return Prediction(
        components=tuple(Component(name, size) for name, size in height.amounts.items() if size),
        peak_allocated_bytes=peak,
        peak_reserved_bytes=_reserved(peak, unused.reserved),
        least_reserved_bytes=_reserved(peak, unused.pinned),
        at=height.at,
        low_bytes=round(peak * (1 - band)),
        high_bytes=round(peak * (1 + band)),
        context_bytes=CONTEXT_BYTES,
        paged_bytes=share.paged,
        host_bytes=share.host,
        evaluation_bytes=_evaluation(job, _lasting(share)) if job.evaluates else None,
    )


def least_bytes(job: Job) -> int:
    """What a card must offer at least where the upper end of the error band holds: all that is
    allocated, and the context. Costs half a prediction, as no allocator is replayed."""
    peak = sum(_height(job).amounts.values())
    return round(peak * (1 + _band(job))) + CONTEXT_BYTES


class _Height(Record):
    """The highest point of a step."""

    at: str
    amounts: dict[str, int]
    """Bytes by component."""
    share: Static
    walked: Walk


@lru_cache(maxsize=4)
def _height(job: Job) -> _Height:
    trained = tuple(trained_matrices(job))
    optimizer = optimizer_memory(job, trained)
    share = distributed(job, _static(job, trained, optimizer))
    walked = walk(job)
    highest = max(_stations(job, walked, share, optimizer), key=lambda station: station.total)
    merged: dict[str, int] = {}
    for name, size in [*_lasting(share), *highest.amounts.items()]:
        merged[name] = merged.get(name, 0) + size
    return _Height(highest.at, merged, share, walked)


def _static(job: Job, trained: tuple[Trained, ...], optimizer: OptimizerMemory) -> Static:
    weights = total_bytes((part.elements * part.size, part.number) for part in trained)
    return Static(
        quantised=total_bytes(quantised_tensors(job)),
        scales=_scales(job),
        unquantised=total_bytes(unquantised_tensors(job)) - (0 if job.lora_r else weights),
        adapters=weights,
        gradients=weights,
        state=optimizer.state_bytes,
        paged=optimizer.paged_bytes,
    )


def _scales(job: Job) -> int:
    if not job.load_in_4bit:
        return 0
    return sum(
        places * sum(four_bit_tensors(linear.inputs * linear.outputs, job.double_quant)[1:])
        for linear, places in quantised_linears(job)
    )


def _lasting(share: Static) -> tuple[tuple[str, int], ...]:
    return (
        ("quantised weights", share.quantised),
        ("unquantised weights", share.unquantised),
        ("adapters", share.adapters),
        ("optimizer state", share.state),
        ("gathered layers", share.gathered),
        ("gradient buckets", share.buckets),
        ("matrix library workspace", WORKSPACE_BYTES),
    )


def _stations(
    job: Job, walked: Walk, share: Static, optimizer: OptimizerMemory
) -> Iterator[Station]:
    """The stretches of a micro-step, and the optimizer's step after the last.

    With accumulation the gradients of earlier micro-steps are there from the start; without, they
    come with the backward, which the replay counts itself. Shared-out gradients are there in full
    only where they are being made.
    """
    accumulates = job.gradient_accumulation_steps > 1
    sharded = job.distributed in (Distribution.FSDP, Distribution.ZERO2, Distribution.ZERO3)
    for station in stations(walked, held_by_loop(job, walked), every_layer=sharded):
        amounts = dict(station.amounts)
        if accumulates:
            amounts[_GRADIENTS] = amounts.get(_GRADIENTS, 0) + share.gradients
        elif sharded:
            amounts[_GRADIENTS] = min(amounts.get(_GRADIENTS, 0), share.gradients)
        yield Station(station.at, amounts)
    step = {_GRADIENTS: share.gradients, "optimizer's scratch": optimizer.scratch_bytes}
    yield Station("optimizer step", step)


def _reserved(peak: int, unused: int) -> int:
    """Segments are multiples of 2 MiB."""
    segment = 2 * 2**20
    return -(-(peak + unused) // segment) * segment


def _evaluation(job: Job, lasting: tuple[tuple[str, int], ...]) -> int:
    return sum(size for _, size in lasting) + evaluation_bytes(job)


def _band(job: Job) -> float:
    estimates = (
        any(block.mixture is not None for block in job.model.blocks)
        or not job.loss.materialises
        or job.distributed not in (Distribution.SINGLE, Distribution.DDP)
        or job.load_in_8bit
    )
    return _WIDE_BAND if estimates else _BAND
