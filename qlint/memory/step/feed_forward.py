"""The feed-forward part of a layer: gated, plain, or a mixture of experts."""

from __future__ import annotations

from qlint.knowledge.shapes import Block, Linear, Mixture
from qlint.memory.job import Job
from qlint.memory.step.attention import Project, output_linear
from qlint.memory.step.operations import add, cast, multiply, unary, view
from qlint.memory.step.precision import Precision, plain_linear
from qlint.memory.step.tensors import Tape, Tensor


def feed_forward(
    tape: Tape, job: Job, precision: Precision, block: Block, project: Project, hidden: Tensor
) -> Tensor:
    """``down_proj(act_fn(gate_proj(x)) * up_proj(x))`` or what stands in its place."""
    after = block.linears[block.linears.index(output_linear(block)) + 1 :]
    if block.mixture is None:
        return _dense(tape, job, after, project, hidden)
    experts = tuple(linear for linear in after if linear.kind == "expert")
    shared = tuple(linear for linear in after if linear.kind == "linear" and linear.outputs > 1)
    mixed = _experts(tape, job, precision, block.mixture, experts, project, hidden)
    if not shared:
        return mixed
    return add(tape, mixed, _dense(tape, job, shared, project, hidden))


def _dense(
    tape: Tape, job: Job, linears: tuple[Linear, ...], project: Project, hidden: Tensor
) -> Tensor:
    *into, down = linears
    return project(down, _activated(tape, job, tuple(into), project, hidden))


def _activated(
    tape: Tape, job: Job, into: tuple[Linear, ...], project: Project, hidden: Tensor
) -> Tensor:
    make = job.model.make
    if not make.gated:
        return activation(tape, make.activation_copies, project(into[0], hidden))
    if len(into) == 1:
        return _halves(tape, make.activation_copies, project(into[0], hidden))
    gate = activation(tape, make.activation_copies, project(into[0], hidden))
    return multiply(tape, gate, project(into[1], hidden))


def _halves(tape: Tape, copies: int, fused: Tensor) -> Tensor:
    """Phi-3's ``gate_up_proj``: two views of one tensor, which stays whole while one is saved."""
    elements, size = fused.elements, fused.size

    def half() -> Tensor:
        result = Tensor(fused.storage, elements // 2, size, None)
        return tape.track(result, (fused,), lambda node, gradient: (tape.new(elements, size),))

    up = half()
    return multiply(tape, up, activation(tape, copies, half()))


def activation(tape: Tape, copies: int, tensor: Tensor) -> Tensor:
    """The activation function: one kernel that saves its input (SiLU, GELU), or one that is
    written out and saves several steps on the way (``NewGELUActivation``)."""
    if copies == 1:
        return unary(tape, tensor, "input")
    powered = unary(tape, tensor, "input")
    bent = unary(tape, powered, "result")
    del powered
    raised = unary(tape, bent)
    del bent
    halved = unary(tape, tensor)
    return multiply(tape, halved, raised)


def _experts(
    tape: Tape,
    job: Job,
    precision: Precision,
    mixture: Mixture,
    experts: tuple[Linear, ...],
    project: Project,
    hidden: Tensor,
) -> Tensor:
    """All experts as one: every token passes ``experts_per_token`` of them.

    In transformers 5 (``MixtralExperts.forward``) their weights are slices of 3-D parameters that
    bitsandbytes leaves alone; autocast casts each slice to 16 bits, and the graph keeps the cast.
    """
    if job.quantised_experts:
        return _expert_by_expert(tape, job, mixture, experts, project, hidden)
    *into, down = experts
    routed = _gathered(tape, hidden, hidden.elements * mixture.experts_per_token)

    def through(linear: Linear, tensor: Tensor) -> Tensor:
        # All experts' weights together, applied to rows that each pass only some of them.
        rows = tensor.elements // linear.inputs
        size = precision.rest
        weights = plain_linear(tape, precision, tensor, linear.inputs, linear.outputs, size)
        if precision.autocast and precision.autocast != size:
            others = (mixture.experts - 1) * linear.inputs * linear.outputs
            weights = _keeping(tape, weights, tape.new(others, precision.autocast))
        del rows
        return weights

    gate_up = into[0]
    if len(into) == 1:
        middle = _halves(tape, job.model.make.activation_copies, through(gate_up, routed))
    else:
        fused = Linear("gate_up_proj", gate_up.inputs, 2 * gate_up.outputs)
        middle = _halves(tape, 1, through(fused, routed))
    del routed
    result = through(down, middle)
    del middle
    weighted = multiply(tape, result, tape.new(result.elements // down.outputs, result.size))
    del result
    return _scattered(tape, weighted, hidden.elements, hidden.size)


_PARTS = 8
"""Experts that are replayed apart; of more of them, several count as one."""


def _expert_by_expert(
    tape: Tape,
    job: Job,
    mixture: Mixture,
    experts: tuple[Linear, ...],
    project: Project,
    hidden: Tensor,
) -> Tensor:
    """``MixtralSparseMoeBlock.forward`` of transformers before 5: one expert after another, each
    with the tokens that pass it, all taken as equally sought after.

    So the graph keeps what all of them saved, but the backward is in one of them at a time. What
    each returns is kept too, as the weights that it is multiplied with come from the router.
    """
    *into, down = experts
    parts = min(mixture.experts, _PARTS)
    elements = hidden.elements * mixture.experts_per_token // parts
    total = tape.new(hidden.elements, hidden.size)
    for _ in range(parts):
        routed = _gathered(tape, hidden, elements)
        if len(into) == 1:
            middle = _halves(tape, job.model.make.activation_copies, project(into[0], routed))
        else:
            gate = activation(tape, 1, project(into[0], routed))
            middle = multiply(tape, gate, project(into[1], routed))
            del gate
        del routed
        result = project(down, middle)
        del middle
        rows = Tensor(None, result.elements // down.outputs, result.size, hidden.node)
        weighted = cast(tape, multiply(tape, result, view(tape, rows)), hidden.size)
        del result
        total = _added_in_place(tape, total, weighted)
        del weighted
    return total


def _added_in_place(tape: Tape, total: Tensor, part: Tensor) -> Tensor:
    """``final_hidden_states.index_add_``: the part's gradient is picked out of the whole one."""
    elements, size = part.elements, part.size
    result = Tensor(total.storage, total.elements, total.size, None)
    return tape.track(
        result, (total, part), lambda node, gradient: (gradient, tape.new(elements, size))
    )


def _keeping(tape: Tape, result: Tensor, weights: Tensor) -> Tensor:
    """``result``, with the casts of further weights kept for the backward."""
    out = Tensor(result.storage, result.elements, result.size, None)
    return tape.track(out, (result,), lambda node, gradient: (gradient,), (weights,))


def _gathered(tape: Tape, hidden: Tensor, rows: int) -> Tensor:
    """``hidden_states[token_idx]``: so many elements of the rows that pass an expert."""
    elements, size = hidden.elements, hidden.size
    result = tape.new(rows, size)
    return tape.track(result, (hidden,), lambda node, gradient: (tape.new(elements, size),))


def _scattered(tape: Tape, tensor: Tensor, elements: int, size: int) -> Tensor:
    """``final_hidden_states.index_add_``."""
    source, source_size = tensor.elements, tensor.size
    result = tape.new(elements, size)
    return tape.track(result, (tensor,), lambda node, gradient: (tape.new(source, source_size),))
