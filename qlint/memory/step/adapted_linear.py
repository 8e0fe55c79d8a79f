"""Linear layers with a LoRA or DoRA adapter, as PEFT computes them."""

from __future__ import annotations

from qlint.knowledge.shapes import Linear
from qlint.memory.job import Job
from qlint.memory.step.base_linear import base_linear, dequantised
from qlint.memory.step.operations import add, cast, constant, copy, dropout, multiply, unary
from qlint.memory.step.precision import Precision, plain_linear, trained_linear
from qlint.memory.step.tensors import Parameter, Tape, Tensor
from qlint.memory.weights import is_quantised
from qlint.records import Record


class Adapter(Record):
    """The trained parameters on one linear layer."""

    a: Parameter
    b: Parameter
    magnitude: Parameter | None

    def parameters(self) -> tuple[Parameter, ...]:
        """All of them."""
        return (self.a, self.b, *(() if self.magnitude is None else (self.magnitude,)))


def new_adapter(job: Job, precision: Precision, linear: Linear, accumulates: bool) -> Adapter:
    """The adapter of one layer; ``accumulates``: gradients of earlier micro-steps are there."""
    rank = job.lora_r or 0

    def parameter(elements: int) -> Parameter:
        return Parameter(elements, precision.adapters, accumulates)

    return Adapter(
        parameter(rank * linear.inputs),
        parameter(rank * linear.outputs),
        parameter(linear.outputs) if job.use_dora else None,
    )


def adapted_linear(
    tape: Tape,
    job: Job,
    precision: Precision,
    linear: Linear,
    adapter: Adapter | None,
    tensor: Tensor,
) -> Tensor:
    """``lora.Linear4bit.forward`` and its siblings (``peft/tuners/lora/bnb.py``, ``layer.py``).

    The 4-bit one clones the base's result. The input is cast to the adapter's dtype, and the result
    back: always over a dense base, and over a quantised one where autocast is off.
    """
    plain = base_linear(tape, job, precision, linear, tensor)
    if adapter is None:
        return plain
    result = copy(tape, plain) if job.load_in_4bit and is_quantised(job, linear) else plain
    del plain
    quantised = is_quantised(job, linear)
    converts = not (quantised and precision.autocast)
    inside = cast(tape, tensor, precision.adapters) if converts else tensor
    if adapter.magnitude is not None:
        changed = _with_magnitude(tape, job, precision, linear, adapter, inside, result)
        return cast(tape, changed, result.size) if converts else changed
    output = _low_rank(tape, job, precision, linear, adapter, inside)
    if not quantised:
        return cast(tape, add(tape, result, output), result.size)
    if converts:
        output = cast(tape, output, result.size)
    return add(tape, result, output)


def _low_rank(
    tape: Tape,
    job: Job,
    precision: Precision,
    linear: Linear,
    adapter: Adapter,
    tensor: Tensor,
) -> Tensor:
    """``lora_B(lora_A(dropout(x))) * scaling``; LitGPT pads the product with zeros before
    (``LoRAQKVLinear.zero_pad``), by ``index_copy``, which saves what it copies."""
    dropped = dropout(tape, tensor, job.lora_dropout)
    narrow = trained_linear(tape, precision, dropped, adapter.a, job.lora_r or 1)
    wide = trained_linear(tape, precision, narrow, adapter.b, linear.outputs)
    if job.pads_adapters:
        wide = unary(tape, wide, "input")
    return unary(tape, wide)


def _with_magnitude(
    tape: Tape,
    job: Job,
    precision: Precision,
    linear: Linear,
    adapter: Adapter,
    tensor: Tensor,
    result: Tensor,
) -> Tensor:
    """``DoraLinearVariant.forward`` (``peft/tuners/lora/variants.py``, ``dora.py``).

    The weight is dequantised to find its norm. With dropout the base's product is computed once
    more with that dense weight, which autograd then keeps.
    """
    magnitude = adapter.magnitude
    if magnitude is None:
        raise ValueError("the adapter has no magnitude")
    inside = dropout(tape, tensor, job.lora_dropout)
    dense = _dense(tape, job, precision, linear, tensor.size)
    _norm_scratch(tape, linear, tensor.size, precision)
    scale = Tensor(None, linear.outputs, precision.adapters, magnitude)
    narrow = trained_linear(tape, precision, inside, adapter.a, job.lora_r or 1)
    low_rank = trained_linear(tape, precision, narrow, adapter.b, linear.outputs)
    del narrow
    again = job.lora_dropout > 0
    base = _product(tape, precision, inside, dense, linear) if again else result
    scaled_base = multiply(tape, base, scale)
    scaled = multiply(tape, low_rank, scale)
    scaled_low_rank = unary(tape, scaled)
    del scaled, low_rank
    change = add(tape, scaled_base, scaled_low_rank)
    del scaled_base, scaled_low_rank
    return add(tape, result, change)


def _dense(tape: Tape, job: Job, precision: Precision, linear: Linear, size: int) -> Tensor:
    if job.load_in_4bit and is_quantised(job, linear):
        weight = dequantised(tape, job, linear, precision.stored)
        return cast(tape, weight, size)
    if job.load_in_8bit:
        return tape.new(linear.inputs * linear.outputs, size)
    return cast(tape, constant(tape, linear.inputs * linear.outputs, precision.dense), size)


def _norm_scratch(tape: Tape, linear: Linear, size: int, precision: Precision) -> None:
    """``get_lora_weight`` and ``get_weight_norm``: an identity matrix through the adapter, the
    scaled product, and the sum with the weight."""
    weights = linear.inputs * linear.outputs
    identity = linear.inputs * linear.inputs
    low = precision.autocast or precision.adapters
    with tape.ledger.charging("dequantised weight"):
        tape.ledger.transient(
            "dequantised weight", identity * precision.adapters, identity * low, weights * low
        )
        tape.ledger.transient("dequantised weight", weights * size, weights * size, weights * size)


def _product(
    tape: Tape, precision: Precision, tensor: Tensor, dense: Tensor, linear: Linear
) -> Tensor:
    """``F.linear(x, weight)`` with a dense weight that the graph keeps."""
    return plain_linear(tape, precision, tensor, linear.inputs, linear.outputs, dense.size)
