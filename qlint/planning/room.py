"""What spare memory buys: longer sequences, larger micro-batches, steps without recomputation."""

from __future__ import annotations

from qlint.memory.job import Job
from qlint.planning.fitting import Predict
from qlint.records import Record, replace

GRAIN = 128
"""Lengths are tried in multiples of this many tokens."""
LONGEST = 131_072
BATCHES = (1, 2, 4, 8, 16, 32)


class Reach(Record):
    """The longest sequence, in tokens, that fits at a micro-batch."""

    per_device_train_batch_size: int
    max_seq_length: int


def frontier(job: Job, usable_bytes: int, predict: Predict) -> list[Reach]:
    """Sequence length against micro-batch, as far as they fit; empty where nothing does."""
    reached: list[Reach] = []
    guess = job.max_seq_length * job.per_device_train_batch_size
    for batch in BATCHES:
        wider = replace(job, per_device_train_batch_size=batch)
        length = longest(wider, usable_bytes, predict, guess // batch)
        if length is None:
            break
        reached.append(Reach(batch, length))
        guess = length * batch
    return reached


def longest(job: Job, usable_bytes: int, predict: Predict, guess: int | None = None) -> int | None:
    """The longest sequence, in multiples of :data:`GRAIN`, that fits; None where not even one does.

    Memory grows with the length, and nearly in proportion: each trial stands where a straight line
    through the last two would reach the limit, so few are needed. ``guess`` is where to begin.
    """

    def needed(grains: int) -> int:
        return predict(replace(job, max_seq_length=grains * GRAIN)).needed_bytes

    low, high = 0, LONGEST // GRAIN + 1
    trial = min(max((guess or job.max_seq_length) // GRAIN, 1), high - 1)
    before: tuple[int, int] | None = None
    while high - low > 1:
        size = needed(trial)
        low, high = (trial, high) if size <= usable_bytes else (low, trial)
        aim = 2 * trial
        if before is not None and before[1] != size:
            slope = (size - before[1]) / (trial - before[0])
            aim = trial + int((usable_bytes - size) // slope)
        elif size > usable_bytes:
            aim = trial // 2
        before = trial, size
        trial = min(max(aim, low + 1), high - 1)
    return low * GRAIN if low else None


def without_checkpointing(job: Job, usable_bytes: int, predict: Predict) -> bool:
    """Whether the run would fit without recomputing activations, and so be faster."""
    if not job.gradient_checkpointing:
        return False
    faster = replace(job, gradient_checkpointing=False)
    return predict(faster).needed_bytes <= usable_bytes


def largest_batch(job: Job, reached: list[Reach]) -> int:
    """The largest micro-batch that fits at the job's own length, at least its own."""
    fitting = [
        one.per_device_train_batch_size
        for one in reached
        if one.max_seq_length >= job.max_seq_length
    ]
    return max([job.per_device_train_batch_size, *fitting])
