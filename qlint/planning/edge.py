"""Where a job stops fitting as its micro-steps grow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from qlint.memory.job import Job
from qlint.memory.predict import least_bytes
from qlint.planning.fitting import Predict
from qlint.records import replace

LENGTHS: tuple[int, ...] = (
    *range(128, 4096, 128),
    *(length for scale in range(5) for length in range(4096 << scale, 8192 << scale, 256 << scale)),
    131_072,
)
"""The lengths that are tried, in tokens: steps of 128, and of a sixteenth to a thirty-second from
4096 on, which is about what a prediction may be wrong by."""
_LEAP = 4


class Edge:
    """What is known of the micro-steps of a job: how many tokens fit, and how many do not.

    What is allocated grows with the tokens, and nearly in proportion: each trial stands where a
    straight line would reach the limit, so few are needed. The length that is answered was
    predicted to fit, and the next one not to, or a line through two predictions nearby says so.
    How the allocator's segments are cut up makes jumps of some percent: beyond one of them a longer
    sequence may fit again.
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
        own = job.per_device_train_batch_size * job.max_seq_length
        tokens = near._fitting if near and near._fitting else own
        self._last = tokens, self._needed(tokens)
        """The tokens predicted last, and the bytes that they need."""
        self._slope: float = near._slope if near else self._first_slope(tokens)
        """Bytes that a token more needs, as far as that is known."""
        self._near = False
        """That is from two predictions nearby."""

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
        tokens, needed = self._last
        if self._slope > 0:
            tokens += int((self._usable - needed) / self._slope)
        return bisect_right(LENGTHS, tokens // batch) - 1

    def _first_slope(self, tokens: int) -> float:
        more = tokens * _LEAP
        return (self._needed(more) - self._last[1]) / (more - tokens)

    def _fits(self, tokens: int) -> bool:
        before, less = self._last
        a_little_more = self._near and before < tokens < 2 * before and less <= self._usable
        if a_little_more and less + (tokens - before) * self._slope > self._usable:
            needed = self._usable + 1
        else:
            needed = self._needed(tokens)
            self._last = tokens, needed
            if tokens != before:
                self._slope = max((needed - less) / (tokens - before), 0.0)
                self._near = max(tokens, before) < 2 * min(tokens, before)
        if needed <= self._usable:
            self._fitting = max(self._fitting, tokens)
            return True
        self._failing = min(self._failing, tokens)
        return False

    def _needed(self, tokens: int) -> int:
        """Bytes, of a length that does not fit at least more than there are."""
        job = self._of(tokens)
        least = least_bytes(job)
        return least if least > self._usable else self._predict(job).most_needed_bytes

    def _of(self, tokens: int) -> Job:
        length = max(1, tokens // self._job.per_device_train_batch_size)
        return replace(self._job, max_seq_length=length)
