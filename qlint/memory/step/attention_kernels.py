"""The product of queries, keys and values, in its implementations."""

from __future__ import annotations

from qlint.knowledge.shapes import Block, Model
from qlint.memory.job import Job
from qlint.memory.step.operations import (
    FLOAT32,
    add,
    cast,
    constant,
    copy,
    custom,
    matrix_product,
    scratch,
    unary,
)
from qlint.memory.step.precision import Precision
from qlint.memory.step.tensors import Gradient, Node, Tape, Tensor
from qlint.records import Record

SCORES = "attention scores"


class Heads(Record):
    """The shape of one attention, in elements: tokens of the micro-step, and widths."""

    batch: int
    length: int
    heads: int
    key_value_heads: int
    query_width: int
    value_width: int

    @property
    def tokens(self) -> int:
        """Tokens of all sequences."""
        return self.batch * self.length

    @property
    def queries(self) -> int:
        """Elements of all queries."""
        return self.tokens * self.heads * self.query_width

    @property
    def keys(self) -> int:
        """Elements of all keys."""
        return self.tokens * self.key_value_heads * self.query_width

    @property
    def values(self) -> int:
        """Elements of all values."""
        return self.tokens * self.key_value_heads * self.value_width

    @property
    def outputs(self) -> int:
        """Elements of the result."""
        return self.tokens * self.heads * self.value_width

    @property
    def scores(self) -> int:
        """Elements of the matrix of scores, which only eager attention makes."""
        return self.batch * self.heads * self.length * self.length


def heads_of(model: Model, job: Job) -> Heads:
    """The shape of this model's attention in this job."""
    width = value = model.head_dim
    key_value_heads = model.key_value_heads
    if model.make.latent is not None:
        _, _, plain, rotary, value = model.make.latent
        width, key_value_heads = plain + rotary, model.attention_heads
    return Heads(
        job.per_device_train_batch_size,
        job.max_seq_length,
        model.attention_heads,
        key_value_heads,
        width,
        value,
    )


def mixed(
    tape: Tape,
    job: Job,
    precision: Precision,
    block: Block,
    shape: Heads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    """The values, mixed by the implementation that this job's attention ends up with."""
    implementation = job.attn_implementation
    # Soft caps do not exist in PyTorch's kernel, so transformers computes them eagerly.
    if implementation == "eager" or (job.model.make.attention_softcap and implementation == "sdpa"):
        return _eager(tape, job, precision, shape, query, key, value)
    return _fused(tape, job, precision, block, shape, query, key, value)


def _fused(
    tape: Tape,
    job: Job,
    precision: Precision,
    block: Block,
    shape: Heads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    """FlashAttention, by ``scaled_dot_product_attention`` or by its own package; or the
    memory-efficient kernel where a mask, float32 or a wide head rules it out.

    Both save queries, keys, values and the result in the precision they run in, and a float32
    log-sum for each query. Only FlashAttention knows heads that share keys: for the other kernel
    they are repeated first. A mask is saved in the queries' dtype.
    """
    size = precision.autocast or query.size
    sdpa = job.attn_implementation == "sdpa"
    masked = sdpa and _needs_mask(job, block, shape)
    efficient = sdpa and (masked or size == FLOAT32 or shape.query_width > _WIDEST_FLASH_HEAD)
    if masked:
        # transformers repeats them itself then (``use_gqa_in_sdpa``), before autocast's cast.
        key, value = _repeated(tape, key, shape.queries), _repeated(tape, value, shape.outputs)
    inside = tuple(cast(tape, tensor, size) for tensor in (query, key, value))
    if efficient and not masked:
        repeated = (
            _repeated(tape, inside[1], shape.queries),
            _repeated(tape, inside[2], shape.outputs),
        )
        inside = (inside[0], *repeated)
    mask = (tape.new(shape.batch * shape.length**2, size),) if masked else ()
    statistics = tape.new(shape.batch * shape.heads * shape.length, FLOAT32)
    result = tape.new(shape.outputs, size)
    elements = tuple(tensor.elements for tensor in inside)
    scratch_sizes = _efficient_scratch(shape, size) if efficient else _flash_scratch(shape, size)

    def backward(node: Node, gradient: Tensor) -> tuple[Gradient, ...]:
        held = [scratch(tape, amount, tape.ledger.kind) for amount in scratch_sizes]
        handed = tuple(tape.new(number, size) for number in elements)
        del held
        return handed

    tape.track(result, inside, backward, (*inside, statistics, result, *mask))
    # FlashAttention lays the result out as the queries are; if that is by heads,
    # ``transpose(1, 2).contiguous()`` copies.
    by_heads = job.model.make.joined_rotation and not efficient
    return copy(tape, result) if by_heads else result


_WIDEST_FLASH_HEAD = 256


def _flash_scratch(shape: Heads, size: int) -> list[int]:
    """A float32 sum of the queries' gradient, rows rounded up to 128 and widths to 32 (64 above
    128), a float32 for each query, and gradients of keys and values for every query head
    (``flash_attn/flash_api.cpp``, ``mha_bwd``: ``dq_accum``, ``softmax_d``, ``dk_expanded``)."""
    rows = shape.batch * shape.heads * (-(-shape.length // 128) * 128)
    step = 32 if shape.query_width <= 128 else 64
    width = -(-shape.query_width // step) * step
    expanded = [] if shape.heads == shape.key_value_heads else [shape.queries * size] * 2
    return [FLOAT32 * rows, FLOAT32 * rows * width, *expanded]


def _efficient_scratch(shape: Heads, size: int) -> list[int]:
    """A float32 for each row, and of 16-bit inputs a float32 sum of the queries' gradient
    (``mem_eff_attention/kernel_backward.h``)."""
    rows = shape.batch * shape.heads
    delta = FLOAT32 * rows * shape.length
    if size == FLOAT32:
        return [delta]
    padded = (-(-shape.length // 64) * 64) * (-(-shape.query_width // 32) * 32)
    return [delta, FLOAT32 * rows * padded]


def _needs_mask(job: Job, block: Block, shape: Heads) -> bool:
    """Padding needs one, sequences packed into one do, and so does a window that the sequence
    fills (``_ignore_causal_mask_sdpa`` in ``transformers/masking_utils.py``)."""
    window = block.sliding_window
    filled = window is not None and window <= shape.length
    return job.padding or job.packing or filled


def _eager(
    tape: Tape,
    job: Job,
    precision: Precision,
    shape: Heads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    """``eager_attention_forward``: the scores exist in full, several times over."""
    key_states = _repeated(tape, key, shape.queries)
    value_states = _repeated(tape, value, shape.outputs)
    size = precision.autocast or query.size
    with tape.ledger.charging(SCORES):
        product = matrix_product(
            tape, cast(tape, query, size), cast(tape, key_states, size), shape.scores, size
        )
        weights = unary(tape, product)
        del product
        if job.model.make.attention_softcap:
            weights = _capped(tape, weights)
        weights = add(tape, weights, constant(tape, 1, size))
        # Of float16 the kernel itself makes float32 (``half_to_float`` in ``SoftMax.cpp``).
        half = (job.autocast or job.base_dtype) == "float16"
        wide = weights if half else cast(tape, weights, FLOAT32)
        chances = unary(tape, wide, "result", FLOAT32)
        del wide
        del weights
        narrow = cast(tape, chances, query.size)
        del chances
        inside = cast(tape, narrow, size)
        del narrow
    output = matrix_product(tape, inside, cast(tape, value_states, size), shape.outputs, size)
    # ``transpose(1, 2).contiguous()``
    return unary(tape, output)


def _capped(tape: Tape, tensor: Tensor) -> Tensor:
    """``tanh(x / cap) * cap``; the tangent is saved."""
    divided = unary(tape, tensor)
    bent = unary(tape, divided, "result")
    del divided
    return unary(tape, bent)


def _repeated(tape: Tape, tensor: Tensor, elements: int) -> Tensor:
    """``repeat_kv``: a copy for every query head, where heads share keys and values."""
    if tensor.elements == elements:
        return tensor
    source = tensor.elements
    return custom(
        tape, (tensor,), elements, tensor.size, lambda gradient: (tape.new(source, gradient.size),)
    )
