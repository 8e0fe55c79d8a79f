"""What the frozen weights of the base take once it is loaded and prepared."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.knowledge.shapes import Linear
from qlint.memory.job import Job
from qlint.memory.quantisation import SECOND_CODE_BYTES, eight_bit_tensors, four_bit_tensors
from qlint.memory.step.ledger import rounded_up
from qlint.memory.step.precision import SIZES, precision_of


def quantised_tensors(job: Job) -> Iterator[tuple[int, int]]:
    """Bytes of each tensor of quantised weights, and how many there are of it."""
    for linear, places in job.model.linears:
        if not is_quantised(job, linear):
            continue
        weights = linear.inputs * linear.outputs
        tensors = (
            four_bit_tensors(weights, job.double_quant)
            if job.load_in_4bit
            else eight_bit_tensors(linear.inputs, linear.outputs)
        )
        for size in tensors:
            yield size, places
    if job.load_in_4bit and job.double_quant:
        yield SECOND_CODE_BYTES, 1
    # A vision tower's layers are quantised like any others; their shapes do not matter here.
    other = job.model.other_quantised_parameters
    if other and (job.load_in_4bit or job.load_in_8bit):
        tensors = four_bit_tensors(other, job.double_quant) if job.load_in_4bit else (other,)
        for size in tensors:
            yield size, 1


def unquantised_tensors(job: Job) -> Iterator[tuple[int, int]]:
    """Bytes of each tensor that stays in 16 or 32 bits, and how many there are of it.

    bitsandbytes replaces linear modules of the layers only (``replace_with_bnb_linear``): the
    embedding, the output layer, norms, and experts in 3-D parameters stay. Preparation for k-bit
    training casts them to float32 (``peft/utils/other.py``), a bias only until the first forward
    (``Linear4bit.forward`` casts it to the compute dtype, for good).
    """
    model = job.model
    size = precision_of(job).rest
    for linear, places in model.linears:
        if not is_quantised(job, linear):
            yield linear.inputs * linear.outputs * size, places
        if linear.bias:
            yield linear.outputs * (SIZES[job.compute_dtype] if job.load_in_4bit else size), places
    for block in model.blocks:
        yield block.small_parameters * size, block.layers
    yield model.embedding.weights * size, 1 if model.tied_embeddings else 2
    yield (model.final_norm_parameters + model.position_parameters) * size, 1
    quantises = job.load_in_4bit or job.load_in_8bit
    other = model.other_parameters - (model.other_quantised_parameters if quantises else 0)
    yield other * size, 1


def is_quantised(job: Job, linear: Linear) -> bool:
    """True where bitsandbytes stores this linear's weights."""
    if not (job.load_in_4bit or job.load_in_8bit):
        return False
    if linear.kind != "linear" and not job.quantised_experts:
        return False
    return linear.name.rsplit(".", 1)[-1] not in job.skip_modules


def total_bytes(tensors: Iterator[tuple[int, int]]) -> int:
    """Their sum, each rounded up as the allocator does."""
    return sum(rounded_up(size) * number for size, number in tensors)
