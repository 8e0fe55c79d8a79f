"""Runs a job's training step under fake tensors and reads its peak from the trace."""

from __future__ import annotations

import time

from qlint.errors import UsageError
from qlint.memory.job import Distribution, Job

from . import allocator, model, step
from .quantised import FakeMode
from .result import Device, Simulated
from .trace import NotUniform, Place, Trace

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
    together = _pattern(job)
    run_layers = _LAYERS_RUN * together
    trace, paged, layers_run = _shortened(job, layers, together, run_layers, device)
    peak = allocator.peak(trace, exact=device == "cpu")
    components = dict(sorted(peak.components.items(), key=lambda item: -item[1]))
    if peak.unsplit:
        components["allocator rounding"] = peak.unsplit
    return Simulated(
        peak_allocated_bytes=peak.allocated,
        peak_reserved_bytes=peak.reserved,
        at=_said(peak.place, together if layers_run < layers else 1),
        components=components,
        modules=peak.modules,
        resident_bytes=peak.resident,
        paged_bytes=paged,
        layers=layers,
        layers_run=layers_run,
        seconds=time.perf_counter() - begin,
    )


def _check(job: Job) -> None:
    if job.distributed is not Distribution.SINGLE:
        raise UsageError(f"A run with {job.distributed.value} cannot be simulated, only one card.")


def _said(place: Place, together: int) -> str:
    """A place in words; a layer of the trace stands for ``together`` layers of the model."""
    if place.layer is None or together == 1:
        return str(place)
    first = place.layer * together
    return f"{place.phase} of layers {first} to {first + together - 1}"


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
            outside = paged.pop(None, 0)
            return longer, outside + sum(paged.values()) * layers // run_layers, run_layers
    trace, paged = _run(job, layers, 1, device)
    return trace, sum(paged.values()), layers


def _pattern(job: Job) -> int:
    try:
        return model.pattern(job.model.config, job.model.layers)
    except ValueError as error:
        raise UsageError(
            f"{job.model.id}: the installed transformers does not know its configuration."
        ) from error


def _run(
    job: Job, layers: int, together: int, device: Device
) -> tuple[Trace, dict[int | None, int]]:
    try:
        with step.quiet(), FakeMode():
            built = model.build(job, layers)
            return step.run(built, job, together, cuda=device == "cuda")
    except UsageError:
        raise
    except Exception as error:
        # The libraries' own code runs here, on models and recipes that they may not support.
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"{job.model.id} cannot be simulated: {type(error).__name__}: {reason}"
        ) from error
