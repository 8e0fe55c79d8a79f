"""What the optimizer needs: state that stays, and what its step takes for a moment."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.memory.job import Job
from qlint.memory.optimizer import OptimizerKind, optimizer_kind
from qlint.memory.trained import Trained
from qlint.records import Record

_FOREACH = frozenset({"adamw_torch", "adamw_hf", "torch.optim.AdamW", "torch.optim.Adam"})
"""Names that run PyTorch's default, which handles all tensors at once (``foreach=True``)."""

_SMALLEST_PAGED = 100_000


class OptimizerMemory(Record):
    """Bytes of an optimizer: ``paged_bytes`` are in managed memory, which PyTorch does not count;
    ``scratch_bytes`` are on top while it steps."""

    state_bytes: int
    paged_bytes: int
    scratch_bytes: int


def optimizer_memory(job: Job, trained: Sequence[Trained]) -> OptimizerMemory:
    """State in its widths, and the temporaries of a step.

    bitsandbytes pages only the state of tensors that have 100 000 elements or more
    (``Optimizer2State.get_state_buffer``), which small adapters do not. PyTorch's
    ``_multi_tensor_adamw`` takes the root of all second moments at once: as much again as one
    moment. transformers' Adafactor makes two tensors of the size of the one it updates. Fused and
    bitsandbytes' kernels need nothing. State for an optimizer that is not known counts as that of
    32-bit Adam, the largest of the usual ones.
    """
    kind = optimizer_kind(job.optim) or OptimizerKind(32, False, "adam")
    resident = paged = 0
    for part in trained:
        state = kind.state_of(part.rows, part.columns, part.size) * part.number
        if kind.paged and part.elements >= _SMALLEST_PAGED:
            paged += state
        else:
            resident += state
    return OptimizerMemory(resident, paged, _scratch(job, kind, trained))


def _scratch(job: Job, kind: OptimizerKind, trained: Sequence[Trained]) -> int:
    if job.optim in _FOREACH:
        return sum(part.elements * part.size * part.number for part in trained)
    if kind.family == "adafactor":
        return 2 * 4 * max((part.elements for part in trained), default=0)
    return 0
