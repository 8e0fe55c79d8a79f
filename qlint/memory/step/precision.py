"""The precision that operations run in: the job's autocast, and the sizes of its dtypes."""

from __future__ import annotations

from qlint.memory.job import Job
from qlint.memory.step.operations import cast, constant, matrix_product
from qlint.memory.step.tensors import Parameter, Tape, Tensor
from qlint.records import Record

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
WEIGHT_COPIES = "casts of weights"


class Precision(Record):
    """Bytes an element of everything that has a dtype of its own."""

    autocast: int | None
    """Size that autocast multiplies matrices in, or None where it is off."""
    compute: int
    """``bnb_4bit_compute_dtype``."""
    rest: int
    """What is not quantised: norms, embeddings, the output layer."""
    dense: int
    """Linear layers that bitsandbytes was told to leave alone."""
    adapters: int
    stored: int
    """``quant_state.dtype``: what weights are dequantised to before any cast."""
    recasts: bool
    """That is another dtype than ``compute``, so a dense weight is there in both for a moment."""


def precision_of(job: Job) -> Precision:
    """The sizes that this job's dtypes have."""
    base = SIZES[job.base_dtype]
    stored = job.quantised_from or job.base_dtype
    prepared = FLOAT32 if job.kbit_prepare else base
    return Precision(
        autocast=None if job.autocast is None else SIZES[job.autocast],
        compute=SIZES[job.compute_dtype],
        rest=prepared,
        dense=prepared,
        adapters=SIZES[job.adapter_dtype],
        stored=SIZES[stored],
        recasts=stored != job.compute_dtype,
    )


FLOAT32 = 4


def plain_linear(
    tape: Tape, precision: Precision, tensor: Tensor, inputs: int, outputs: int, size: int
) -> Tensor:
    """``F.linear`` with a frozen weight of ``size`` bytes an element.

    Autocast casts both to 16 bits (``aten/src/ATen/autocast_mode.h``, the list of lower precision).
    It keeps copies of weights only where they are trained (``cached_cast``), so the copy of a
    frozen one is made anew, and saved for the backward where the input is tracked.
    """
    rows = tensor.elements // inputs
    target = precision.autocast or tensor.size
    with_input = cast(tape, tensor, target)
    weight = constant(tape, inputs * outputs, size)
    if size != target:
        weight = tape.new(inputs * outputs, target, WEIGHT_COPIES)
    return matrix_product(tape, with_input, weight, rows * outputs, target)


def trained_linear(
    tape: Tape,
    precision: Precision,
    tensor: Tensor,
    parameter: Parameter,
    outputs: int,
) -> Tensor:
    """``F.linear`` with a trained weight, of which autocast keeps one 16-bit copy a forward."""
    inputs = parameter.elements // outputs
    rows = tensor.elements // inputs
    target = precision.autocast or tensor.size
    with_input = cast(tape, tensor, target)
    return matrix_product(
        tape, with_input, weight_of(tape, precision, parameter), rows * outputs, target
    )


def weight_of(tape: Tape, precision: Precision, parameter: Parameter) -> Tensor:
    """A trained weight as a matrix product sees it."""
    weight = Tensor(None, parameter.elements, parameter.size, parameter)
    if precision.autocast is None or precision.autocast == parameter.size:
        return weight
    if parameter.cached is None:
        with tape.ledger.charging(WEIGHT_COPIES):
            parameter.cached = cast(tape, weight, precision.autocast)
    return parameter.cached
