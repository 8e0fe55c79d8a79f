"""Runs a job's training step under fake tensors and reads its peak from the trace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch._subclasses.fake_tensor import FakeTensorMode

from qlint.memory.job import Distribution, Job, Loss

from . import allocator, model, step
from .shapes import config_of
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


def simulate(
    job: Job,
    config: Mapping[str, Any] | None = None,
    *,
    device: Literal["cuda", "cpu"] = "cuda",
) -> Simulated:
    """Simulate one training step of ``job`` from its second step on.

    ``config`` is the content of the model's ``config.json``; without it, it is made from the
    job's model shape. ``device="cpu"`` counts what a run on the CPU takes, byte by byte, which can
    be measured without a GPU.

    Raises:
        ValueError: The job has a part that cannot be simulated; the message names it.
    """
    _check(job)
    begin = time.perf_counter()
    config = config_of(job.model) if config is None else config
    layers = config["num_hidden_layers"]
    together = _pattern(config)
    run_layers = _LAYERS_RUN * together
    trace, paged, layers_run = _shortened(job, config, layers, together, run_layers, device)
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
    job: Job, config: Mapping[str, Any], layers: int, together: int, run_layers: int, device: str
) -> tuple[Trace, int, int]:
    """The whole step's trace, its paged bytes and the layers that were run for it."""
    if run_layers < layers and layers % together == 0:
        trace, paged = _run(job, config, run_layers, together, device)
        try:
            longer = trace.with_layers(layers // together)
        except NotUniform:
            pass
        else:
            return longer, paged * layers // run_layers, run_layers
    trace, paged = _run(job, config, layers, 1, device)
    return trace, paged, layers


def _run(
    job: Job, config: Mapping[str, Any], layers: int, together: int, device: str
) -> tuple[Trace, int]:
    with step.quiet(), FakeTensorMode():
        built = model.build(job, config, layers)
        return step.run(built, job, together, cuda=device == "cuda")


def _pattern(config: Mapping[str, Any]) -> int:
    """How many layers make one period of the model's pattern of layers; 1 where all are alike."""
    kinds = model.configuration(config, config["num_hidden_layers"]).to_dict().get("layer_types")
    if not kinds:
        return 1
    for period in range(1, len(kinds)):
        if all(kinds[i] == kinds[i - period] for i in range(period, len(kinds))):
            return period
    return len(kinds)
