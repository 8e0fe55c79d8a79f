"""The linear layers of the base: 4 bits, 8 bits, or 16."""

from __future__ import annotations

from qlint.knowledge.shapes import Linear
from qlint.memory.job import Job
from qlint.memory.quantisation import absmax_scratch
from qlint.memory.step.operations import cast, scratch
from qlint.memory.step.precision import Precision, plain_linear
from qlint.memory.step.tensors import Gradient, Tape, Tensor
from qlint.memory.weights import is_quantised

DENSE_WEIGHT = "dequantised weight"


def base_linear(
    tape: Tape, job: Job, precision: Precision, linear: Linear, tensor: Tensor
) -> Tensor:
    """One linear layer of the base, as the job stores it."""
    if is_quantised(job, linear):
        if job.load_in_4bit:
            return _four_bits(tape, job, precision, linear, tensor)
        return _eight_bits(tape, linear, tensor)
    return plain_linear(tape, precision, tensor, linear.inputs, linear.outputs, precision.dense)


def dequantised(tape: Tape, job: Job, linear: Linear, size: int) -> Tensor:
    """``F.dequantize_4bit``: scales to float32 (twice, where they are quantised), then the weight.

    (``bitsandbytes/functional.py``, ``dequantize_4bit``; ``_gemm_4bit_default_impl`` does the same
    in the forward of 0.50 for more than a few rows, and ``MatMul4Bit.forward`` of older ones.)
    """
    weights = linear.inputs * linear.outputs
    scales = (
        [scratch(tape, size, DENSE_WEIGHT) for size in absmax_scratch(weights)[-1:]]
        if job.double_quant
        else []
    )
    result = tape.new(weights, size, DENSE_WEIGHT)
    del scales
    return result


def dense_weight(tape: Tape, job: Job, precision: Precision, linear: Linear) -> Tensor:
    """The dense weight that a forward multiplies with, in the compute dtype."""
    if not (job.dequantises_twice and precision.recasts):
        return dequantised(tape, job, linear, precision.compute)
    stored = dequantised(tape, job, linear, precision.stored)
    return tape.new(stored.elements, precision.compute, DENSE_WEIGHT)


def _four_bits(
    tape: Tape, job: Job, precision: Precision, linear: Linear, tensor: Tensor
) -> Tensor:
    """``Linear4bit.forward``: the input to the compute dtype, the result back to the input's.

    (``bitsandbytes/nn/modules.py``.) The compute dtype is the input's own unless that is float16
    (``set_compute_type``); autocast does not reach into the custom operation. The backward
    (``MatMul4Bit.backward``) dequantises once more and keeps nothing but the packed weight.
    """
    compute = precision.compute
    rows = tensor.elements // linear.inputs
    inside = cast(tape, tensor, compute)
    in_size = inside.elements
    weight = dense_weight(tape, job, precision, linear)
    multiplied = tape.track(
        tape.new(rows * linear.outputs, compute),
        (inside,),
        lambda node, gradient: _input_gradient(tape, job, precision, linear, in_size, gradient),
        context=(inside,) if job.keeps_quantised_inputs else (),
    )
    del weight, inside
    return cast(tape, multiplied, tensor.size)


def _input_gradient(
    tape: Tape, job: Job, precision: Precision, linear: Linear, elements: int, gradient: Tensor
) -> tuple[Gradient, ...]:
    stored = dequantised(tape, job, linear, precision.stored)
    if precision.recasts:
        stored = tape.new(stored.elements, gradient.size, DENSE_WEIGHT)
    return (tape.new(elements, gradient.size),)


def _eight_bits(tape: Tape, linear: Linear, tensor: Tensor) -> Tensor:
    """``MatMul8bitLt`` (``bitsandbytes/autograd/_functions.py``).

    The input is cast to float16 and quantised to int8 by rows; the product is int32 before it is
    scaled. The input itself is put on ``ctx``, though the backward does not need it: it only casts
    the weight to the input's dtype. Checkpointing without reentrance does not see it there, so the
    inputs of all layers pile up.
    """
    rows = tensor.elements // linear.inputs
    half = cast(tape, tensor.detached(), 2)
    quantised = tape.new(tensor.elements, 1)
    row_scales = tape.new(rows, 4)
    del half
    accumulated = tape.new(rows * linear.outputs, 4)
    elements, size = tensor.elements, tensor.size

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        weight = tape.new(linear.inputs * linear.outputs, size, DENSE_WEIGHT)
        result = tape.new(elements, size)
        del weight
        return (result,)

    result = tape.new(rows * linear.outputs, size)
    del accumulated, quantised, row_scales
    return tape.track(
        result, (tensor,), lambda node, gradient: backward(gradient), context=(tensor,)
    )
