"""What spare memory buys: longer sequences, larger micro-batches, steps without recomputation,
layers in 16 bits.

Whoever makes use of room goes up to the edge, so all of this still fits at the upper end of the
prediction's error band.
"""

from __future__ import annotations

from qlint.memory.allocator import block_bytes
from qlint.memory.job import Distribution, Job
from qlint.memory.quantisation import four_bit_tensors
from qlint.memory.step.micro_step import hangs_on_tokens_alone
from qlint.memory.step.precision import precision_of
from qlint.memory.weights import is_quantised
from qlint.planning.edge import Edge
from qlint.planning.fitting import Predict
from qlint.records import Record, replace

BATCHES = (1, 2, 4, 8, 16, 32)


class Reach(Record):
    """The longest sequence, in tokens, that fits at a micro-batch."""

    per_device_train_batch_size: int
    max_seq_length: int


class Room(Record):
    """What spare memory buys a job."""

    frontier: tuple[Reach, ...]
    """Sequence length against micro-batch, as far as they fit."""
    max_seq_length: int | None
    """The longest sequence at the job's own micro-batch; None where its own is already more."""
    largest_batch: int
    """The largest micro-batch at the job's own length, at least its own."""
    without_checkpointing: bool
    """Nothing need be recomputed."""
    layers_in_16_bits: int
    """So many layers need not be quantised; 0 where none are, or where that is not predicted."""


def room_of(job: Job, usable_bytes: int, predict: Predict) -> Room:
    """What the memory that ``job`` leaves of ``usable_bytes`` buys."""
    own = job.per_device_train_batch_size
    reached = _frontier(job, usable_bytes, predict)
    longest = {one.per_device_train_batch_size: one.max_seq_length for one in reached}
    batches = [batch for batch, length in longest.items() if length >= job.max_seq_length]
    return Room(
        tuple(one for one in reached if one.per_device_train_batch_size in BATCHES),
        longest.get(own),
        max([own, *batches]),
        _without_checkpointing(job, usable_bytes, predict),
        layers_in_16_bits(job, usable_bytes, predict),
    )


def _frontier(job: Job, usable_bytes: int, predict: Predict) -> list[Reach]:
    reached: list[Reach] = []
    edge: Edge | None = None
    for batch in sorted({*BATCHES, job.per_device_train_batch_size}):
        if edge is None or not hangs_on_tokens_alone(job):
            wider = replace(job, per_device_train_batch_size=batch)
            edge = Edge(wider, usable_bytes, predict, near=edge)
        length = edge.longest(batch)
        if length is None:
            break
        reached.append(Reach(batch, length))
    return reached


def _without_checkpointing(job: Job, usable_bytes: int, predict: Predict) -> bool:
    if not job.gradient_checkpointing:
        return False
    return predict(replace(job, gradient_checkpointing=False)).most_needed_bytes <= usable_bytes


def layers_in_16_bits(job: Job, usable_bytes: int, predict: Predict) -> int:
    """How many decoder layers need not be quantised (``llm_int8_skip_modules``, by their paths).

    Each takes its 16-bit weights instead of packed ones and their scales, and nothing is
    dequantised in it. After preparation for k-bit training they would be float32 and autocast would
    copy them, and shards are another matter: then it is not predicted.
    """
    shared = job.distributed not in (Distribution.SINGLE, Distribution.DDP)
    if not job.load_in_4bit or job.kbit_prepare or shared:
        return 0
    size = precision_of(job).dense
    more = 0
    for block in job.model.blocks:
        quantised = [linear for linear in block.linears if is_quantised(job, linear)]
        shapes = [(linear.inputs * linear.outputs, linear.count) for linear in quantised]
        dense = sum(block_bytes(weights * size) * count for weights, count in shapes)
        packed = sum(
            block_bytes(part) * count
            for weights, count in shapes
            for part in four_bit_tensors(weights, job.double_quant)
        )
        more = max(more, dense - packed)
    spare = usable_bytes - predict(job).most_needed_bytes
    return min(job.model.layers, max(0, spare // more)) if more else 0
