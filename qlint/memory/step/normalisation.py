"""Norms, as the models of transformers write them out."""

from __future__ import annotations

from qlint.memory.step.operations import FLOAT32, cast, constant, custom, multiply, unary
from qlint.memory.step.precision import Precision
from qlint.memory.step.tensors import Gradient, Node, Tape, Tensor


def norm(tape: Tape, kind: str, precision: Precision, tensor: Tensor, width: int) -> Tensor:
    """One norm over rows of ``width``."""
    if kind == "layer":
        return _layer_norm(tape, precision, tensor, width)
    return _rms_norm(tape, precision, tensor, width, plus_one=kind == "rms-plus-one")


def _rms_norm(
    tape: Tape, precision: Precision, tensor: Tensor, width: int, plus_one: bool
) -> Tensor:
    """``LlamaRMSNorm.forward``, and Gemma's that multiplies by ``1 + weight`` before the cast back.

    The float32 input is saved by the square and by the product with the root: one tensor, and the
    residual stream itself where that is in float32 already.
    """
    wide = cast(tape, tensor, FLOAT32)
    rows = wide.elements // width
    root = _inverse_root(tape, wide, rows)
    scaled = multiply(tape, wide, root)
    del wide, root
    if plus_one:
        weighted = multiply(tape, scaled, constant(tape, width, FLOAT32))
        del scaled
        return cast(tape, weighted, tensor.size)
    narrow = cast(tape, scaled, tensor.size)
    del scaled
    return multiply(tape, narrow, constant(tape, width, precision.rest))


def _inverse_root(tape: Tape, wide: Tensor, rows: int) -> Tensor:
    """``rsqrt(x.pow(2).mean(-1) + eps)``: the square is dropped at once, the root of each row kept.

    Backwards, ``mean`` expands to the full size and divides (``mean_backward``), and the square
    multiplies by twice the input (``pow_backward``: three tensors of the full size).
    """
    square = tape.new(wide.elements, FLOAT32)
    del square
    elements = wide.elements

    def formula(node: Node, gradient: Tensor) -> tuple[Gradient, ...]:
        expanded = tape.new(elements, FLOAT32)
        powered = tape.new(elements, FLOAT32)
        doubled = tape.new(elements, FLOAT32)
        del powered
        product = tape.new(elements, FLOAT32)
        del expanded, doubled
        return (product,)

    result = tape.new(rows, FLOAT32)
    return tape.track(result, (wide,), formula, (wide, result))


def _layer_norm(tape: Tape, precision: Precision, tensor: Tensor, width: int) -> Tensor:
    """``F.layer_norm``: one kernel that saves its input, and mean and deviation of each row.

    Autocast runs it in float32 (``aten/src/ATen/autocast_mode.h``, the float32 list), and its
    result stays so.
    """
    inside = cast(tape, tensor, FLOAT32) if precision.autocast else tensor
    rows = inside.elements // width
    statistics = tape.new(2 * rows, FLOAT32)
    elements, size = inside.elements, inside.size

    def backward(gradient: Tensor) -> tuple[Gradient, ...]:
        return (tape.new(elements, size),)

    return custom(tape, (inside,), elements, size, backward, (inside, statistics))


def scaled(tape: Tape, tensor: Tensor) -> Tensor:
    """A product with a number."""
    return unary(tape, tensor)
