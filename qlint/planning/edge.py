"""Where a job stops fitting as its micro-steps grow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from qlint.memory.job import Job
from qlint.planning.fitting import Predict
from qlint.records import replace

LENGTHS: tuple[int, ...] = (
    *range(128, 4096, 128),
    *(length for scale in range(5) for length in range(4096 << scale, 8192 << scale, 256 << scale)),
    131_072,
)
"""The lengths that are tried, in tokens: steps of 128, and of a sixteenth to a thirty-second from
4096 on, which is about what a prediction may be wrong by."""
_LEAP = 8


class Edge:
    """What is known of the micro-steps of a job: how many tokens fit, and how many do not.

    Memory grows with the tokens, and nearly in proportion: each prediction stands where a straight
    line through two others would reach the limit, so few are needed. Both sides of the answer are
    predicted: the longest that fits, and the next length, that does not.
    """

    def __init__(
        self, job: Job, usable_bytes: int, predict: Predict, near: Edge | None = None
    ) -> None:
        """``near`` is the edge of a job that differs little: this one begins where that ended."""
        self._job = job
        self._usable = usable_bytes
        self._predict = predict
        self._fitting = 0
        self._failing = LENGTHS[-1] * 1024
        self._last: tuple[int, int] | None = None
        """The tokens predicted last, and the bytes that they need."""
        self._start = job.per_device_train_batch_size * job.max_seq_length
        self._slope = 0.0
        """Bytes that a token more needs, as far as that is known."""
        if near is not None:
            self._start, self._slope = near._fitting or self._start, near._slope

    def longest(self, batch: int) -> int | None:
        """The longest of :data:`LENGTHS` at which so many sequences fit; None where none is.

        A ``batch`` other than the job's own asks for the same tokens in other sequences, so it is
        only for jobs that do not mind.
        """
        low = bisect_right(LENGTHS, self._fitting // batch) - 1
        high = bisect_left(LENGTHS, -(-self._failing // batch))
        while high - low > 1:
            trial = min(max(self._aim(batch), low + 1), high - 1)
            if self._fits(LENGTHS[trial] * batch):
                low = trial
            else:
                high = trial
        return LENGTHS[low] if low >= 0 else None

    def _aim(self, batch: int) -> int:
        """The length, by its number, that is likely the last that fits."""
        if self._last is None:
            tokens = self._start
        else:
            tokens, needed = self._last
            if self._slope > 0:
                tokens += int((self._usable - needed) / self._slope)
            else:
                tokens = tokens * _LEAP if needed <= self._usable else tokens // _LEAP
        return bisect_right(LENGTHS, tokens // batch) - 1

    def _fits(self, tokens: int) -> bool:
        length = tokens // self._job.per_device_train_batch_size
        needed = self._predict(replace(self._job, max_seq_length=length)).most_needed_bytes
        if self._last is not None:
            before, less = self._last
            self._slope = max((needed - less) / (tokens - before), 0.0)
        self._last = tokens, needed
        fits = needed <= self._usable
        if fits:
            self._fitting = max(self._fitting, tokens)
        else:
            self._failing = min(self._failing, tokens)
        return fits
