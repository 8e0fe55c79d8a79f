"""Attention: projections, positions, and the product in its three implementations."""

from __future__ import annotations

from collections.abc import Callable

from qlint.knowledge.shapes import Block, Linear
from qlint.memory.job import Job
from qlint.memory.step.attention_kernels import Heads, heads_of, mixed
from qlint.memory.step.normalisation import norm
from qlint.memory.step.operations import (
    add,
    constant,
    copy,
    custom,
    multiply,
    unary,
    view,
)
from qlint.memory.step.precision import Precision
from qlint.memory.step.tensors import Tape, Tensor

Project = Callable[[Linear, Tensor], Tensor]
"""A linear layer with its adapter, applied."""


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
        rotated_query = _rotated(tape, query, make.rotated_share, make.joined_rotation)
        rotated_key = _rotated(tape, key, make.rotated_share, make.joined_rotation)
        query, key = rotated_query, rotated_key
        del rotated_query, rotated_key
    if job.use_cache and not job.gradient_checkpointing:
        key, value = _cached(tape, key), _cached(tape, value)
    values = mixed(tape, job, precision, block, shape, query, key, value)
    return project(output_linear(block), values)


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


def _rotated(tape: Tape, tensor: Tensor, share: float, joined: bool) -> Tensor:
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
    rotated = add(tape, plain, other)
    del plain, other
    return unary(tape, rotated) if joined else rotated
