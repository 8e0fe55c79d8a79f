"""What spare memory buys: longer sequences, larger micro-batches, steps without recomputation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qlint.memory.job import Job
from qlint.planning.fitting import Predict

GRAIN = 128
"""Lengths are tried in multiples of this many tokens."""
LONGEST = 131_072
BATCHES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Reach:
    """The longest sequence, in tokens, that fits at a micro-batch."""

    per_device_train_batch_size: int
    max_seq_length: int


def frontier(job: Job, usable_bytes: int, predict: Predict) -> list[Reach]:
    """Sequence length against micro-batch, as far as they fit; empty where nothing does."""
    reached = []
    for batch in BATCHES:
        length = longest(replace(job, per_device_train_batch_size=batch), usable_bytes, predict)
        if length is None:
            break
        reached.append(Reach(batch, length))
    return reached


def longest(job: Job, usable_bytes: int, predict: Predict) -> int | None:
    """The longest sequence, in multiples of :data:`GRAIN`, that fits; None where not even one does.

    Memory grows with the length, so halving the interval finds it.
    """

    def fits(grains: int) -> bool:
        prediction = predict(replace(job, max_seq_length=grains * GRAIN))
        return prediction.needed_bytes <= usable_bytes

    if not fits(1):
        return None
    low, high = 1, LONGEST // GRAIN + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * GRAIN


def without_checkpointing(job: Job, usable_bytes: int, predict: Predict) -> bool:
    """Whether the run would fit without recomputing activations, and so be faster."""
    if not job.gradient_checkpointing:
        return False
    faster = replace(job, gradient_checkpointing=False)
    return predict(faster).needed_bytes <= usable_bytes


def largest_batch(job: Job, usable_bytes: int, predict: Predict) -> int:
    """The largest micro-batch of :data:`BATCHES` that fits at the job's own length, at least 1."""
    largest = job.per_device_train_batch_size
    for batch in BATCHES:
        larger = replace(job, per_device_train_batch_size=batch)
        if batch > largest and predict(larger).needed_bytes <= usable_bytes:
            largest = batch
    return largest
