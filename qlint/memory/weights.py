"""What the frozen weights of the base take once it is loaded and prepared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qlint.knowledge.shapes import Linear
from qlint.memory.allocator import block_bytes
from qlint.memory.job import Job
from qlint.memory.quantisation import SECOND_CODE_BYTES, eight_bit_tensors, four_bit_tensors
from qlint.memory.step.precision import SIZES, precision_of


def quantised_tensors(job: Job) -> Iterator[tuple[int, int]]:
    """Bytes of each tensor of quantised weights, and how many there are of it."""
    linears = tuple(quantised_linears(job))
    for linear, places in linears:
        weights = linear.inputs * linear.outputs
        tensors = (
            four_bit_tensors(weights, job.double_quant)
            if job.load_in_4bit
            else eight_bit_tensors(linear.inputs, linear.outputs)
        )
        for size in tensors:
            yield size, places
    if job.load_in_4bit and job.double_quant and linears:
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
            # Experts that are not modules of their own are stacked in one tensor a layer.
            stacked = 1 if job.quantised_experts else linear.count
            yield linear.inputs * linear.outputs * stacked * size, places // stacked
        if linear.bias:
            yield linear.outputs * (SIZES[job.compute_dtype] if job.load_in_4bit else size), places
    for block in model.blocks:
        yield block.small_parameters * size, block.layers
    tables = 1 if model.tied_embeddings or output_is_quantised(job) else 2
    yield model.embedding.weights * size, tables
    yield (model.final_norm_parameters + model.position_parameters) * size, 1
    quantises = job.load_in_4bit or job.load_in_8bit
    other = model.other_parameters - (model.other_quantised_parameters if quantises else 0)
    yield other * size, 1


def quantised_linears(job: Job) -> Iterator[tuple[Linear, int]]:
    """Every linear that bitsandbytes stores, and how many there are of it."""
    for linear, places in job.model.linears:
        if is_quantised(job, linear):
            yield linear, places
    if output_is_quantised(job):
        yield job.model.output, 1


def output_is_quantised(job: Job) -> bool:
    """True where the output layer has weights of its own and is not among ``skip_modules``."""
    return not job.model.tied_embeddings and is_quantised(job, job.model.output)


def is_quantised(job: Job, linear: Linear) -> bool:
    """True where bitsandbytes stores this linear's weights."""
    if not (job.load_in_4bit or job.load_in_8bit):
        return False
    if linear.kind != "linear" and not job.quantised_experts:
        return False
    if job.model.make.own_linears and not job.quantises_subclasses and linear.name != "lm_head":
        return False
    return linear.name.rsplit(".", 1)[-1] not in job.skip_modules


def total_bytes(tensors: Iterable[tuple[int, int]]) -> int:
    """Their sum, each as large as the block that the allocator gives it."""
    return sum(block_bytes(size) * number for size, number in tensors)
