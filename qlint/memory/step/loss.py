"""From the last layer to the loss and back: norm, output layer, logits."""

from __future__ import annotations

from qlint.memory.job import Job, Loss
from qlint.memory.step.base_linear import DENSE_WEIGHT, base_linear, dense_weight, dequantised
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import FLOAT32, cast, copy, custom, unary
from qlint.memory.step.precision import Precision, trained_linear
from qlint.memory.step.tensors import Gradient, Parameter, Tape, Tensor
from qlint.memory.weights import output_is_quantised

LOGITS = "logits and loss"
TILE_ROWS = 4096
TILE_COLUMNS = 32768
"""TRL's fused head multiplies tiles of tokens and words (``TOKEN_CHUNK_SIZE`` in
``trl/kernels/chunked_logprob.py``, ``_CHUNKED_LOGPROB_CHUNK_SIZE`` in ``trl/trainer/utils.py``)."""
NARROW_TOKENS = 128
"""Tokens of each sequence that LitGPT takes at a time (``lm_head_chunk_size``)."""


def head(
    tape: Tape, job: Job, precision: Precision, hidden: Tensor, trained: Parameter | None
) -> Tensor:
    """The last norm, the output layer and the loss; returns the loss."""
    model = job.model
    normed = norm(tape, model.make.norm, precision, hidden, model.hidden_size)
    with tape.ledger.charging(LOGITS):
        if job.loss is Loss.CHUNKED:
            return _chunked_loss(tape, job, precision, normed)
        if job.loss is Loss.FUSED:
            return _fused_loss(tape, job, precision, normed)
        if job.loss is Loss.NARROW:
            return _narrow_loss(tape, job, precision, normed)
        if trained is None:
            logits = base_linear(tape, job, precision, model.output, normed)
        else:
            logits = trained_linear(tape, precision, normed, trained, model.vocabulary)
        if model.make.logit_softcap:
            logits = _capped(tape, logits)
        if job.loss is Loss.UPCAST:
            logits = cast(tape, logits, FLOAT32)
        loss = _cross_entropy(tape, logits, shifted=_is_shifted(job))
        if precision.autocast:
            # Accelerate's wrapper returns all outputs in float32, and drops the others after.
            outputs = cast(tape, logits.detached(), FLOAT32)
            del outputs
        return loss


def logits_bytes(job: Job, precision: Precision) -> int:
    """What the logits that a model returns take."""
    if not job.loss.materialises:
        return 0
    tokens = job.per_device_train_batch_size * job.max_seq_length
    size = FLOAT32 if job.loss is Loss.UPCAST else precision.autocast or precision.rest
    return tokens * job.model.vocabulary * size


def _is_shifted(job: Job) -> bool:
    """``logits[..., :-1, :].contiguous()``: a copy, except of a batch of one."""
    return job.loss in (Loss.SHIFTED, Loss.UPCAST) and job.per_device_train_batch_size > 1


def _capped(tape: Tape, logits: Tensor) -> Tensor:
    divided = unary(tape, logits)
    bent = unary(tape, divided, "result")
    del divided
    return unary(tape, bent)


def _cross_entropy(tape: Tape, logits: Tensor, shifted: bool) -> Tensor:
    """``ForCausalLMLoss``: ``logits.float()``, then a log-softmax that saves its result.

    Backwards ``nll_loss_backward`` makes a gradient of the full size, and
    ``_log_softmax_backward_data`` another beside it.
    """
    wide = cast(tape, logits, FLOAT32)
    moved = copy(tape, wide) if shifted else wide
    logarithms = unary(tape, moved, "result")
    del wide, moved
    elements = logarithms.elements
    return custom(
        tape,
        (logarithms,),
        1,
        FLOAT32,
        lambda gradient: (tape.new(elements, FLOAT32),),
        (logarithms,),
    )


def _narrow_loss(tape: Tape, job: Job, precision: Precision, normed: Tensor) -> Tensor:
    """LitGPT's ``chunked_cross_entropy`` (``litgpt/utils.py``): lists of logits and of their
    logarithms, a few tokens each; backwards one of them at a time, by way of two gradients. A
    quantised output layer is dequantised for each, both ways.
    """
    model = job.model
    size, elements = normed.size, normed.elements
    tokens = elements // model.hidden_size
    logits = tape.new(tokens * model.vocabulary, size)
    logarithms = tape.new(tokens * model.vocabulary, size)
    chunk = min(tokens, NARROW_TOKENS * job.per_device_train_batch_size) * model.vocabulary * size
    quantised = output_is_quantised(job)
    if quantised:
        dense_weight(tape, job, precision, model.output)

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        tape.ledger.transient(LOGITS, chunk, chunk)
        dense = dequantised(tape, job, model.output, precision.stored) if quantised else None
        if dense is not None and precision.recasts:
            dense = tape.new(dense.elements, precision.compute, DENSE_WEIGHT)
        result = tape.new(elements, size)
        del dense
        return (result,)

    return custom(tape, (normed,), 1, size, backward, (logits, logarithms))


def _chunked_loss(tape: Tape, job: Job, precision: Precision, normed: Tensor) -> Tensor:
    """TRL's fused head: logits by tiles of tokens and words, recomputed backwards.

    A part of an output layer that is in float32 is cast to 16 bits for each tile, and the part
    before it goes only after; the gradient of the hidden states is summed up in float32
    (``ChunkedLogProbFunction`` in ``trl/kernels/chunked_logprob.py``).
    """
    model = job.model
    tokens = normed.elements // model.hidden_size
    size = precision.autocast or normed.size
    columns = min(TILE_COLUMNS, model.vocabulary)
    part = columns * model.hidden_size * size
    tiles = (
        # The buffer of the product is as wide as a tile may be, whatever the vocabulary.
        min(tokens, TILE_ROWS) * TILE_COLUMNS * size,
        min(tokens, TILE_ROWS) * model.hidden_size * (size if normed.size != size else 0),
        *([part] * min(2, -(-model.vocabulary // columns)) if precision.rest != size else ()),
    )
    # Only tokens that have a label are taken, which copies.
    taken = unary(tape, normed)
    tape.ledger.transient(LOGITS, *tiles)
    elements, source_size = normed.elements, normed.size

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        total = tape.new(elements, FLOAT32)
        tape.ledger.transient(LOGITS, *tiles)
        return (cast(tape, total, source_size),)

    return custom(tape, (taken,), tokens, FLOAT32, backward, (taken,))


def _fused_loss(tape: Tape, job: Job, precision: Precision, normed: Tensor) -> Tensor:
    """Liger's fused head, and Unsloth's: logits of some tokens at a time, as many as make them
    about as large as the hidden states.

    The gradient of the hidden states is made in the forward already, and kept; autocast casts an
    output layer that is in float32 for each product
    (``liger_kernel/ops/fused_linear_cross_entropy.py``).
    """
    model = job.model
    tokens = normed.elements // model.hidden_size
    size = precision.autocast or normed.size
    parts = -(-model.vocabulary // model.hidden_size)
    rows = min(1 << (-(-tokens // parts) - 1).bit_length(), tokens)
    gradient = tape.new(normed.elements, normed.size)
    copies = [model.output.weights * size] if precision.rest != size else []
    tape.ledger.transient(LOGITS, rows * model.vocabulary * size, *copies)
    view_of = gradient.detached

    def backward(upstream: Tensor) -> tuple[Gradient, ...]:
        return (view_of(),)

    return custom(tape, (normed,), tokens, FLOAT32, backward, (gradient,))
