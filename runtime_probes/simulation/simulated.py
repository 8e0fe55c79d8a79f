"""Runs a job's training step under fake tensors and reads its peak from the trace."""

from __future__ import annotations

import time

from qlint.errors import UsageError
from qlint.memory.job import Distribution, Job, Loss

from . import allocator, model, step
from .quantised import FakeMode
from .result import Device, Simulated
from .trace import NotUniform, Trace

_LAYERS_RUN = 5
"""The fewest whose middle layer has middle layers for neighbours."""


def simulate_step(job: Job, device: Device) -> Simulated:
    """Simulate one training step of ``job``, from its second step on.

    Raises:
        UsageError: The job has a part that cannot be simulated; the message names it.
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
        raise UsageError(f"Sharding ({job.distributed.value}) cannot be simulated, only one card.")
    if job.loss is not Loss.FULL:
        raise UsageError(f"The loss {job.loss.value!r} cannot be simulated, only 'full'.")


def _shortened(
    job: Job, layers: int, together: int, run_layers: int, device: Device
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


def _run(job: Job, layers: int, together: int, device: Device) -> tuple[Trace, int]:
    with step.quiet(), FakeMode():
        built = model.build(job, layers)
        return step.run(built, job, together, cuda=device == "cuda")
