"""From the last layer to the loss and back: norm, output layer, logits."""

from __future__ import annotations

from qlint.memory.job import Job, Loss
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import FLOAT32, cast, constant, custom, unary
from qlint.memory.step.precision import Precision, plain_linear, trained_linear
from qlint.memory.step.tensors import Gradient, Parameter, Tape, Tensor

LOGITS = "logits and loss"
TILE_ROWS = 4096
TILE_COLUMNS = 8192
"""TRL's fused head multiplies tiles of tokens and words (``trl/kernels/chunked_logprob.py``)."""


def head(
    tape: Tape, job: Job, precision: Precision, hidden: Tensor, trained: Parameter | None
) -> Tensor:
    """The last norm, the output layer and the loss; returns the loss."""
    model = job.model
    normed = norm(tape, model.make.norm, precision, hidden, model.hidden_size)
    with tape.ledger.charging(LOGITS):
        if job.loss is not Loss.FULL:
            return _fused_loss(tape, job, precision, normed)
        if trained is None:
            logits = plain_linear(
                tape, precision, normed, model.hidden_size, model.vocabulary, precision.rest
            )
        else:
            logits = trained_linear(tape, precision, normed, trained, model.vocabulary)
        if model.make.logit_softcap:
            logits = _capped(tape, logits)
        loss = _cross_entropy(tape, logits)
        if precision.autocast:
            # Accelerate's wrapper returns all outputs in float32, and drops the others after.
            outputs = cast(tape, logits.detached(), FLOAT32)
            del outputs
        return loss


def _capped(tape: Tape, logits: Tensor) -> Tensor:
    divided = unary(tape, logits)
    bent = unary(tape, divided, "result")
    del divided
    return unary(tape, bent)


def _cross_entropy(tape: Tape, logits: Tensor) -> Tensor:
    """``ForCausalLMLoss``: ``logits.float()``, then a log-softmax that saves its result.

    Backwards ``nll_loss_backward`` makes a gradient of the full size, and
    ``_log_softmax_backward_data`` another beside it.
    """
    wide = cast(tape, logits, FLOAT32)
    logarithms = unary(tape, wide, "result")
    del wide
    elements = logarithms.elements
    return custom(
        tape,
        (logarithms,),
        1,
        FLOAT32,
        lambda gradient: (tape.new(elements, FLOAT32),),
        (logarithms,),
    )


def _fused_loss(tape: Tape, job: Job, precision: Precision, normed: Tensor) -> Tensor:
    """Logits by tiles, recomputed backwards; a float32 gradient of the hidden states is summed up.

    (``trl/kernels/chunked_logprob.py``.) Liger and Unsloth do the same with other tiles; the
    smaller they are, the less it takes.
    """
    model = job.model
    tokens = normed.elements // model.hidden_size
    size = precision.autocast or normed.size
    tile = min(tokens, TILE_ROWS) * min(TILE_COLUMNS, model.vocabulary) * size
    weights = min(TILE_COLUMNS, model.vocabulary) * model.hidden_size * size
    rows = min(tokens, TILE_ROWS) * model.hidden_size * size
    # Autocast hands it a 16-bit copy of an output layer that is in float32.
    table = constant(tape, model.output.weights, size)
    if precision.rest != size:
        table = tape.new(model.output.weights, size)
    tape.ledger.transient(LOGITS, tile, rows, weights)
    elements, source_size = normed.elements, normed.size

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        total = tape.new(elements, FLOAT32)
        tape.ledger.transient(LOGITS, tile, rows, weights)
        return (cast(tape, total, source_size),)

    return custom(tape, (normed,), tokens, FLOAT32, backward, (normed, table))
