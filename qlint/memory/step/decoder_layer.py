"""One decoder layer, put together as its architecture does."""

from __future__ import annotations

from qlint.knowledge.shapes import Block
from qlint.memory.job import Job
from qlint.memory.step.attention import Project, attention
from qlint.memory.step.feed_forward import feed_forward
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import add, dropout
from qlint.memory.step.precision import Precision
from qlint.memory.step.tensors import Tape, Tensor


def decoder_layer(
    tape: Tape, job: Job, precision: Precision, block: Block, project: Project, hidden: Tensor
) -> Tensor:
    """``LlamaDecoderLayer.forward`` and its variants; returns the new residual stream."""
    make, width = job.model.make, job.model.hidden_size

    def normed(tensor: Tensor) -> Tensor:
        return norm(tape, make.norm, precision, tensor, width)

    def thinned(tensor: Tensor) -> Tensor:
        return dropout(tape, tensor, make.residual_dropout)

    if make.placement == "parallel":
        inside = normed(hidden)
        mixed = attention(tape, job, precision, block, project, inside)
        widened = feed_forward(tape, job, precision, block, project, inside)
        both = add(tape, thinned(mixed), thinned(widened))
        del mixed, widened
        return add(tape, both, hidden)
    # Where norms come after, the halves see the stream itself.
    before = make.placement != "after"
    after = make.placement in ("around", "after")
    inside = normed(hidden) if before else hidden
    mixed = attention(tape, job, precision, block, project, inside)
    mixed = thinned(normed(mixed) if after else mixed)
    # ``hidden_states`` is bound to the sum from here on; ``residual`` to the stream before it.
    del inside
    middle = add(tape, hidden, mixed)
    del mixed
    inside = normed(middle) if before else middle
    widened = feed_forward(tape, job, precision, block, project, inside)
    del inside
    widened = thinned(normed(widened) if after else widened)
    return add(tape, middle, widened)
