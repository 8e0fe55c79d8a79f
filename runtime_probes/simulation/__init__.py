"""A training step at full size under fake tensors: the memory of a run without the memory.

Real transformers, PEFT, bitsandbytes and accelerate code runs over tensors that have shapes and
dtypes but no storage. Every allocation is traced, five layers are run and repeated to the model's
number, and the trace is replayed through a model of PyTorch's caching allocator. It needs the
``probe`` extra; :mod:`qlint.memory` is the closed form of the same thing.
"""

from __future__ import annotations

import logging

from qlint.errors import UsageError
from qlint.memory.job import Job

from .result import Device, Simulated

__all__ = ["Simulated", "simulate"]


def simulate(job: Job, device: Device = "cuda") -> Simulated:
    """Simulate one training step of ``job``, from its second step on.

    With ``device="cpu"`` the result is what a run on the CPU takes, which can be measured without
    a GPU.

    Raises:
        UsageError: The libraries are not installed, or the job has a part that cannot be
            simulated; the message says which.
    """
    # It says at import, and of every 8-bit layer, how it computes; nothing is computed here.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        from .simulated import simulate_step
    except ImportError as error:
        raise UsageError(
            f"Simulating needs recent libraries: pip install -U 'qlint[probe]' ({error})."
        ) from error
    return simulate_step(job, device)
