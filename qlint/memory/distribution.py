"""What several processes change: which parts are shared out, and what sharing takes.

- DDP (``torch/csrc/distributed/c10d/reducer.cpp``): everything everywhere, and buckets as large as
  all gradients, since neither transformers nor accelerate sets ``gradient_as_bucket_view``.
- FSDP (``torch/distributed/fsdp``): parameters, gradients and state by the number of processes; the
  layer that runs is gathered in full, and the next one is fetched meanwhile. What is no parameter,
  such as the scales of 4-bit weights, stays whole on every card.
- ZeRO (``deepspeed/runtime/zero``): stage 1 shares the state, 2 the gradients, 3 the parameters.
  Stages 1 and 2 reduce gradients through a bucket of ``hidden_size`` squared elements, which is
  what transformers sets for ``"auto"`` (``integrations/deepspeed.py``), twice for overlap.
"""

from __future__ import annotations

from qlint.memory.job import Distribution, Job
from qlint.memory.step.precision import SIZES
from qlint.records import Record, replace

_SHARDED_PARAMETERS = (Distribution.FSDP, Distribution.ZERO3)
_SHARDED_GRADIENTS = (*_SHARDED_PARAMETERS, Distribution.ZERO2)
_SHARDED_STATE = (*_SHARDED_GRADIENTS, Distribution.ZERO1)


class Static(Record):
    """What stays allocated through a step, in bytes."""

    quantised: int
    scales: int
    """The part of quantised weights that is no parameter."""
    unquantised: int
    adapters: int
    gradients: int
    state: int
    paged: int = 0
    buckets: int = 0
    gathered: int = 0
    host: int = 0


def distributed(job: Job, whole: Static) -> Static:
    """The share of one process."""
    if job.distributed is Distribution.SINGLE or job.world_size < 2:
        return _offloaded(job, whole)
    share = whole
    if job.distributed in _SHARDED_STATE:
        share = replace(share, state=_part(share.state, job), paged=_part(share.paged, job))
    if job.distributed in _SHARDED_GRADIENTS:
        share = replace(share, gradients=_part(share.gradients, job))
    if job.distributed in _SHARDED_PARAMETERS:
        share = replace(
            share,
            quantised=_part(share.quantised - share.scales, job) + share.scales,
            unquantised=_part(share.unquantised, job),
            adapters=_part(share.adapters, job),
            gathered=_gathered(job, whole),
        )
    return _offloaded(job, replace(share, buckets=_buckets(job, whole)))


def _part(size: int, job: Job) -> int:
    return -(-size // job.world_size)


def _gathered(job: Job, whole: Static) -> int:
    """Two layers in full, and the outermost unit: embeddings, output layer, last norm."""
    model = job.model
    size = SIZES[job.base_dtype]
    tables = model.embedding.weights * (1 if model.tied_embeddings else 2) * size
    layers = whole.quantised - whole.scales + whole.unquantised - tables + whole.adapters
    return max(layers, 0) * min(2, model.layers) // model.layers + tables


def _buckets(job: Job, whole: Static) -> int:
    if job.distributed is Distribution.DDP:
        return whole.gradients
    if job.distributed in (Distribution.ZERO1, Distribution.ZERO2):
        bucket = 2 * job.model.hidden_size**2 * SIZES[job.adapter_dtype]
        return min(bucket, 2 * whole.gradients)
    return 0


def _offloaded(job: Job, share: Static) -> Static:
    host = 0
    if job.offload_optimizer:
        host += share.state
        share = replace(share, state=0)
    if job.offload_parameters:
        moved = share.quantised - share.scales + share.unquantised
        host += moved
        share = replace(share, quantised=share.scales, unquantised=0)
    return replace(share, host=host)
