"""What the optimizer needs: state that stays, and what its step takes for a moment."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.memory.job import Job
from qlint.memory.optimizer import OptimizerKind, is_modelled, optimizer_kind
from qlint.memory.step.operations import FLOAT32
from qlint.memory.trained import Trained
from qlint.records import Record

_FOREACH = {
    **dict.fromkeys(("adamw_torch", "adamw_hf", "torch.optim.AdamW", "torch.optim.Adam"), 1),
    "rmsprop": 1,
    "adagrad": 2,
}
"""Names that run PyTorch's default, which handles all tensors at once (``foreach=True``), and how
many copies of them it makes: of roots, and Adagrad's of scaled gradients too."""

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
    moment. transformers' Adafactor makes two float32 tensors of the size of the one it updates, and
    of a parameter in 16 bits a copy of it and of its gradient. Fused and bitsandbytes' kernels need
    nothing. State for an optimizer that is not modelled counts as that of 32-bit Adam, the largest
    of the usual ones.
    """
    known = optimizer_kind(job.optim) if is_modelled(job.optim) else None
    kind = known or OptimizerKind(32, False, "adam")
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
        copies = _FOREACH[job.optim]
        return copies * sum(part.elements * part.size * part.number for part in trained)
    if kind.family == "adafactor":
        wide = [part.elements * (2 if part.size == FLOAT32 else 4) for part in trained]
        return FLOAT32 * max(wide, default=0)
    return 0
