"""Single operations of PyTorch, with what each keeps for the backward.

Transcribes ``tools/autograd/derivatives.yaml`` of torch 2.13: the name after "saves" in a docstring
is what the formula there mentions. Gradients have the size of the result they belong to, and are
cast to their input's where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable

from qlint.memory.step.ledger import Storage
from qlint.memory.step.tensors import Gradient, Node, Tape, Tensor

FLOAT32 = 4


def like(tape: Tape, gradient: Tensor, tensor_size: int) -> Tensor:
    """A new gradient of as many elements, ``tensor_size`` bytes each."""
    return tape.new(gradient.elements, tensor_size)


def cast(tape: Tape, tensor: Tensor, size: int) -> Tensor:
    """``Tensor.to(dtype)``: the tensor itself where it is of that size already; saves nothing."""
    if tensor.size == size:
        return tensor
    source_size = tensor.size
    result = tape.new(tensor.elements, size)
    return tape.track(
        result, (tensor,), lambda node, gradient: (tape.new(gradient.elements, source_size),)
    )


def copy(tape: Tape, tensor: Tensor) -> Tensor:
    """``Tensor.clone()``: hands its gradient on as it is."""
    result = tape.new(tensor.elements, tensor.size)
    return tape.track(result, (tensor,), lambda node, gradient: (gradient,))


def view(tape: Tape, tensor: Tensor) -> Tensor:
    """The same bytes seen otherwise."""
    result = Tensor(tensor.storage, tensor.elements, tensor.size, None)
    return tape.track(result, (tensor,), lambda node, gradient: (gradient,))


def add(tape: Tape, left: Tensor, right: Tensor) -> Tensor:
    """``left + right``: the wider of the two sizes; saves nothing."""
    sizes = left.size, right.size
    widest = max(sizes)
    result = tape.new(max(left.elements, right.elements), widest)

    def formula(node: Node, gradient: Tensor) -> tuple[Gradient, ...]:
        return tuple(
            gradient if size == widest else tape.new(gradient.elements, size) for size in sizes
        )

    return tape.track(result, (left, right), formula)


def unary(tape: Tape, tensor: Tensor, saves: str = "nothing", size: int | None = None) -> Tensor:
    """An elementwise function: ``saves`` is "nothing" (scaling), "input" (SiLU) or "result"."""
    result = tape.new(tensor.elements, size or tensor.size)
    source_size = tensor.size
    kept = {"nothing": (), "input": (tensor,), "result": (result,)}[saves]
    return tape.track(
        result,
        (tensor,),
        lambda node, gradient: (tape.new(gradient.elements, source_size),),
        kept,
    )


def multiply(tape: Tape, left: Tensor, right: Tensor) -> Tensor:
    """``left * right``: each is saved where the other is tracked; the gradient of one that was
    broadcast is summed up after it was made in full."""
    widest = max(left.size, right.size)
    result = tape.new(max(left.elements, right.elements), widest)
    operands = [(operand.tracked, operand.elements, operand.size) for operand in (left, right)]
    saved = (*((right,) if left.tracked else ()), *((left,) if right.tracked else ()))

    def formula(node: Node, gradient: Tensor) -> tuple[Gradient, ...]:
        handed: list[Gradient] = []
        for needed, elements, size in operands:
            part = tape.new(gradient.elements, widest) if needed else None
            if part is not None and elements < gradient.elements:
                part = tape.new(elements, widest)
            handed.append(part if part is None else _cast_gradient(tape, part, size))
        return tuple(handed)

    return tape.track(result, (left, right), formula, saved)


def constant(tape: Tape, elements: int, size: int) -> Tensor:
    """A frozen tensor that is counted elsewhere: a weight, a table of positions."""
    return Tensor(None, elements, size, None)


def dropout(tape: Tape, tensor: Tensor, probability: float) -> Tensor:
    """``native_dropout`` on CUDA: saves a mask of one byte an element; identity at 0.

    (``aten/src/ATen/native/Dropout.cpp``, ``is_fused_kernel_acceptable``.)
    """
    if probability == 0:
        return tensor
    result = tape.new(tensor.elements, tensor.size)
    mask = tape.new(tensor.elements, 1)
    size = tensor.size
    return tape.track(
        result, (tensor,), lambda node, gradient: (like(tape, gradient, size),), (mask,)
    )


def matrix_product(
    tape: Tape,
    tensor: Tensor,
    weight: Tensor,
    outputs: int,
    size: int,
) -> Tensor:
    """``tensor @ weight`` with ``outputs`` elements in all: each is saved where the other is
    tracked (``MmBackward0`` makes both gradients before it hands either on)."""
    result = tape.new(outputs, size)
    saved = (*((weight,) if tensor.tracked else ()), *((tensor,) if weight.tracked else ()))
    needed = tensor.tracked, weight.tracked
    elements = tensor.elements, weight.elements

    def formula(node: Node, gradient: Tensor) -> tuple[Gradient, ...]:
        return tuple(
            tape.new(number, size) if wanted else None
            for number, wanted in zip(elements, needed, strict=True)
        )

    return tape.track(result, (tensor, weight), formula, saved)


def custom(
    tape: Tape,
    inputs: tuple[Tensor, ...],
    outputs: int,
    size: int,
    backward: Callable[[Tensor], tuple[Gradient, ...]],
    saved: tuple[Tensor, ...] = (),
) -> Tensor:
    """An operation with a backward of its own."""
    result = tape.new(outputs, size)
    return tape.track(result, inputs, lambda node, gradient: backward(gradient), saved)


def scratch(tape: Tape, size: int, kind: str) -> Storage:
    """Bytes that one operation works in, for as long as the caller holds on to them."""
    return Storage(tape.ledger, size, kind)


def _cast_gradient(tape: Tape, gradient: Tensor, size: int) -> Tensor:
    return gradient if gradient.size == size else tape.new(gradient.elements, size)
