"""What the optimizer needs: state that stays, and what its step takes for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qlint.memory.job import Job
from qlint.memory.optimizer import OptimizerKind, optimizer_kind
from qlint.memory.trained import Trained

_FOREACH = frozenset({"adamw_torch", "adamw_hf", "torch.optim.AdamW", "torch.optim.Adam"})
"""Names that run PyTorch's default, which handles all tensors at once (``foreach=True``)."""


@dataclass(frozen=True, slots=True)
class OptimizerMemory:
    """Bytes of an optimizer; ``scratch_bytes`` is on top while it steps."""

    state_bytes: int
    scratch_bytes: int
    paged: bool


def optimizer_memory(job: Job, trained: Sequence[Trained]) -> OptimizerMemory:
    """State in its widths, and the temporaries of a step.

    PyTorch's ``_multi_tensor_adamw`` takes the root of all second moments at once: as much again
    as one moment. Fused and bitsandbytes' kernels need nothing. State for an optimizer that is not
    known counts as that of 32-bit Adam, the largest of the usual ones.
    """
    kind = optimizer_kind(job.optim) or OptimizerKind(32, False, "adam")
    state = sum(kind.state_of(part.rows, part.columns) * part.number for part in trained)
    wide = 4 * sum(part.elements * part.number for part in trained)
    return OptimizerMemory(state, wide if job.optim in _FOREACH else 0, kind.paged)
