"""Runs a job's training step under fake tensors and reads its peak from the trace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qlint.memory.job import Distribution, Job, Loss

from . import allocator, model, step
from .quantised import FakeMode
from .trace import NotUniform, Trace

_LAYERS_RUN = 5
"""The fewest whose middle layer has middle layers for neighbours."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a step was found to take. All sizes are in bytes."""

    peak_allocated_bytes: int
    """What ``torch.cuda.max_memory_allocated`` would say from the second step on."""
    peak_reserved_bytes: int
    at: str
    """Where in the step the peak stands, for example ``"backward of layer 31"``."""
    components: Mapping[str, int]
    """What the peak is made of; the parts add up to it."""
    modules: Mapping[tuple[str, str], int]
    """The same by component and kind of module, without what the allocator adds."""
    resident_bytes: int
    """What is there when the step begins: weights, adapters, optimizer state, kept gradients."""
    paged_bytes: int
    """Optimizer state in managed memory, which the peak does not count."""
    layers: int
    layers_run: int
    """Fewer than ``layers`` where the rest follows from them exactly."""
    seconds: float


def simulate(job: Job, device: Literal["cuda", "cpu"] = "cuda") -> Simulated:
    """Simulate one training step of ``job`` from its second step on.

    ``device="cpu"`` counts what a run on the CPU takes, byte by byte, which can be measured
    without a GPU.

    Raises:
        ValueError: The job has a part that cannot be simulated; the message names it.
    """
    _check(job)
    begin = time.perf_counter()
    layers = job.model.layers
    together = model.pattern(job.model.config, layers)
    run_layers = _LAYERS_RUN * together
    trace, paged, layers_run = _shortened(job, layers, together, run_layers, device)
    peak = allocator.peak(trace, exact=device == "cpu")
    components = dict(sorted(peak.components.items(), key=lambda item: -item[1]))
    if peak.unsplit:
        components["allocator rounding"] = peak.unsplit
    return Simulated(
        peak_allocated_bytes=peak.allocated,
        peak_reserved_bytes=peak.reserved,
        at=str(peak.place),
        components=components,
        modules=peak.modules,
        resident_bytes=peak.resident,
        paged_bytes=paged,
        layers=layers,
        layers_run=layers_run,
        seconds=time.perf_counter() - begin,
    )


def _check(job: Job) -> None:
    if job.distributed not in (Distribution.SINGLE, Distribution.DDP) or job.offload_optimizer:
        raise ValueError(f"Sharding ({job.distributed.value}) cannot be simulated, only one card.")
    if job.loss is not Loss.FULL:
        raise ValueError(f"The loss {job.loss.value!r} cannot be simulated, only 'full'.")


def _shortened(
    job: Job, layers: int, together: int, run_layers: int, device: str
) -> tuple[Trace, int, int]:
    """The whole step's trace, its paged bytes and the layers that were run for it."""
    if run_layers < layers and layers % together == 0:
        trace, paged = _run(job, run_layers, together, device)
        try:
            longer = trace.with_layers(layers // together)
        except NotUniform:
            pass
        else:
            return longer, paged * layers // run_layers, run_layers
    trace, paged = _run(job, layers, 1, device)
    return trace, paged, layers


def _run(job: Job, layers: int, together: int, device: str) -> tuple[Trace, int]:
    with step.quiet(), FakeMode():
        built = model.build(job, layers)
        return step.run(built, job, together, cuda=device == "cuda")
