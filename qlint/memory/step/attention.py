"""Attention: projections, positions, and the product in its three implementations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qlint.knowledge.shapes import Block, Linear, Model
from qlint.memory.job import Job
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import (
    FLOAT32,
    add,
    cast,
    constant,
    copy,
    custom,
    matrix_product,
    multiply,
    unary,
    view,
)
from qlint.memory.step.precision import Precision
from qlint.memory.step.tensors import Gradient, Tape, Tensor

Project = Callable[[Linear, Tensor], Tensor]
"""A linear layer with its adapter, applied."""

SCORES = "attention scores"


@dataclass(frozen=True, slots=True)
class Heads:
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


def attention(
    tape: Tape,
    job: Job,
    precision: Precision,
    block: Block,
    project: Project,
    hidden: Tensor,
) -> Tensor:
    """``LlamaAttention.forward`` and its like; locals live until it returns, as there."""
    model = job.model
    make, shape = model.make, heads_of(model, job)
    query, key, value = _projections(tape, job, precision, block, project, hidden, shape)
    if make.head_norm != "none":
        width = model.head_dim if make.head_norm == "heads" else shape.queries // shape.tokens
        query = norm(tape, make.norm, precision, query, width)
        key_width = model.head_dim if make.head_norm == "heads" else shape.keys // shape.tokens
        key = norm(tape, make.norm, precision, key, key_width)
    if make.rotated_share and make.latent is None:
        rotated_query = _rotated(tape, query, make.rotated_share)
        rotated_key = _rotated(tape, key, make.rotated_share)
        query, key = rotated_query, rotated_key
        del rotated_query, rotated_key
    if job.use_cache and not job.gradient_checkpointing:
        key, value = _cached(tape, key), _cached(tape, value)
    mixed = _mixed(tape, job, precision, block, shape, query, key, value)
    return project(output_linear(block), mixed)


def _cached(tape: Tape, states: Tensor) -> Tensor:
    """``DynamicCache.update``: joined to nothing, which copies; the outputs hold the copy."""
    result = copy(tape, states)
    tape.held.append(result.detached())
    return result


def output_linear(block: Block) -> Linear:
    """The linear layer that attention ends with: the last before the feed-forward part's."""
    return next(
        linear
        for linear in block.linears
        if linear.name.rsplit(".", 1)[-1] in {"o_proj", "dense", "out_proj", "wo"}
        or linear.name == "attn.c_proj"
    )


def _projections(
    tape: Tape,
    job: Job,
    precision: Precision,
    block: Block,
    project: Project,
    hidden: Tensor,
    shape: Heads,
) -> tuple[Tensor, Tensor, Tensor]:
    linears = block.linears[: block.linears.index(output_linear(block))]
    if job.model.make.latent is not None:
        return _latent(tape, job, precision, linears, project, hidden, shape)
    if job.model.make.fused_query_key_value:
        fused = project(linears[0], hidden)
        return _split(tape, fused, (shape.queries, shape.keys, shape.values))
    query, key, value = (project(linear, hidden) for linear in linears)
    return query, key, value


def _split(tape: Tape, fused: Tensor, parts: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Views of one tensor; backwards each part's gradient is put in zeros of the full size
    (``slice_backward``), and those are added up."""
    elements, size = fused.elements, fused.size

    def part(number: int) -> Tensor:
        result = Tensor(fused.storage, number, size, None)
        return tape.track(result, (fused,), lambda node, gradient: (tape.new(elements, size),))

    first, second, third = parts
    return part(first), part(second), part(third)


def _latent(
    tape: Tape,
    job: Job,
    precision: Precision,
    linears: tuple[Linear, ...],
    project: Project,
    hidden: Tensor,
    shape: Heads,
) -> tuple[Tensor, Tensor, Tensor]:
    """``DeepseekV2Attention.forward``: low-rank queries and keys, put together with ``cat``."""
    *for_query, down, up = linears
    query = project(for_query[0], hidden)
    if len(for_query) > 1:
        narrow = norm(tape, "rms", precision, query, for_query[0].outputs)
        query = project(for_query[1], narrow)
        del narrow
    low = project(down, hidden)
    (kept, _, _) = _split(tape, low, (shape.tokens * up.inputs, 0, 0))
    narrow = norm(tape, "rms", precision, kept, up.inputs)
    wide = project(up, narrow)
    _, _, value = _split(tape, wide, (0, 0, shape.values))
    joined_query = unary(tape, query)
    joined_key = custom(
        tape,
        (wide,),
        shape.keys,
        wide.size,
        lambda gradient: (tape.new(shape.tokens * up.outputs, gradient.size),),
    )
    return joined_query, joined_key, value


def _rotated(tape: Tape, tensor: Tensor, share: float) -> Tensor:
    """``(x * cos) + (rotate_half(x) * sin)``: only the tables are saved, which all layers share.

    ``rotate_half`` negates one half and joins the two; both are gone before the sum.
    """
    part = int(tensor.elements * share)
    table = constant(tape, part, tensor.size)
    source = view(tape, tensor)
    plain = multiply(tape, source, table)
    negated = unary(tape, Tensor(source.storage, part // 2, source.size, source.node))
    turned = unary(tape, Tensor(source.storage, part, source.size, source.node))
    del negated
    other = multiply(tape, turned, table)
    del turned
    return add(tape, plain, other)


def _mixed(
    tape: Tape,
    job: Job,
    precision: Precision,
    block: Block,
    shape: Heads,
    query: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    implementation = job.attn_implementation
    # Soft caps do not exist in PyTorch's kernel, so transformers computes them eagerly.
    if implementation == "eager" or (
        job.model.make.attention_softcap and implementation == "sdpa"
    ):
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
    """FlashAttention, by ``scaled_dot_product_attention`` or by its own package.

    Saves queries, keys, values and the result in 16 bits, and a float32 log-sum for each query.
    Backwards it accumulates the queries' gradient in float32, in blocks of 128 positions, beside a
    float32 for each query (``aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp``,
    ``mha_bwd``: ``dq_accum``, ``softmax_d``); where heads share keys, the gradients of keys and
    values are expanded to all heads first. A mask makes it the memory-efficient kernel, which gets
    the mask in the queries' dtype and saves it.
    """
    size = precision.autocast or query.size
    inside = tuple(cast(tape, tensor, size) for tensor in (query, key, value))
    statistics = tape.new(shape.batch * shape.heads * shape.length, FLOAT32)
    mask = _mask(tape, job, block, shape, size)
    # The result is saved by its own node: a second handle on the same bytes stands for it.
    result = tape.new(shape.outputs, size)
    queries, keys, values = shape.queries, shape.keys, shape.values

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        padded = -(-shape.length // 128) * 128
        accumulator = tape.new(shape.batch * padded * shape.heads * shape.query_width, FLOAT32)
        of_queries = tape.new(shape.batch * padded * shape.heads, FLOAT32)
        handed = (tape.new(queries, size), tape.new(keys, size), tape.new(values, size))
        if shape.heads != shape.key_value_heads:
            expanded = tape.new(queries + shape.outputs, size)
            del expanded
        del accumulator, of_queries
        return handed

    return tape.track(
        result,
        inside,
        lambda node, gradient: backward(gradient),
        (*inside, statistics, result, *mask),
    )


def _mask(
    tape: Tape, job: Job, block: Block, shape: Heads, size: int
) -> tuple[Tensor, ...]:
    """The mask in the queries' dtype, where one is needed: padding, or a window that ends early."""
    window = block.sliding_window
    windowed = window is not None and window < shape.length
    if job.attn_implementation != "sdpa" or not (job.padding or windowed):
        return ()
    return (tape.new(shape.batch * shape.length * shape.length, size),)


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
        # On CUDA the cast to float32 is part of the softmax kernel (``half_to_float``).
        chances = unary(tape, weights, "result", FLOAT32)
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
