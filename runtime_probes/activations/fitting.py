"""What fits: the largest length and batch on this card, and the smallest card for the run's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from qlint.memory.predict import CONTEXT_BYTES

from ..out_of_memory import MemoryHeld
from ..replay.device import release
from ..replay.run import Run
from .duration import LONGEST_TRIAL_SECONDS, MOST_SECONDS, SPENT, Deadline
from .instruments import OnCuda, OnProcessor
from .largest import guessed, largest, smaller_cards
from .longest import Longest, reshaped
from .peak import Peak
from .shapes import positions_of
from .steps import training, why

NO_CARD = "there is no card here to run it on"
NO_POSITIONS = "the model does not say how many positions it knows"
_MARGIN = 0.03
"""Of the card, what a straight line to its end leaves free."""
_FEW_TOKENS, _MANY_TOKENS = 16, 64
"""Lengths are multiples of these, for short and for long sequences."""


class Fitting:
    """Searches by running; ``points`` are the peaks at other shapes that are known already."""

    def __init__(
        self,
        run: Run,
        batch: Longest,
        instrument: OnCuda | OnProcessor,
        peak: Peak,
        points: list[dict[str, Any]],
        deadline: Deadline,
    ) -> None:
        self._run = run
        self._batch = batch
        self._instrument = instrument
        self._peak = peak.peak_bytes
        self._points = [point for point in points if point.get("peak_bytes") is not None]
        self._deadline = deadline.within(MOST_SECONDS)
        self._seconds = 0.0

    def largest(self) -> dict[str, Any]:
        """The largest length at the run's rows, and the most rows at its length."""
        capacity = self._instrument.capacity_bytes()
        if capacity is None:
            return {"skipped": NO_CARD}
        if self._deadline.passed:
            return {"skipped": SPENT}
        rows, length, unit = self._batch.rows, self._batch.length, self._batch.unit
        began = time.perf_counter()
        if self._peak_at(rows, length) is None:
            return {"skipped": "the run's own batch does not fit a second time"}
        self._seconds = time.perf_counter() - began
        step = _MANY_TOKENS if length >= 4 * _MANY_TOKENS else _FEW_TOKENS
        positions = positions_of(self._run.model)
        return {
            "capacity_bytes": capacity,
            "by_length": {"skipped": NO_POSITIONS}
            if positions is None
            else self._searched(
                "length", lambda size: (rows, size), length, step, capacity, positions
            ),
            "by_rows": self._searched(
                "rows", lambda size: (size, length), rows, unit, capacity, None
            ),
        }

    def cards(self) -> tuple[list[dict[str, Any]], str | None]:
        """The smallest card on which the run's own batch ran, as a limit on this process, and
        those below it. A larger one needs no trial, nor one that the peak alone rules out.

        With the reason why there is none that it fits, where that was not found out.
        """
        capacity = self._instrument.capacity_bytes()
        if capacity is None:
            return [], NO_CARD
        found: list[dict[str, Any]] = []
        reason = None
        for card in smaller_cards(capacity):
            limit = card.usable_bytes - CONTEXT_BYTES
            ran = limit >= self._peak
            if ran and self._deadline.passed:
                reason = SPENT
                break
            fits = ran and self._peak_at(self._batch.rows, self._batch.length, limit) is not None
            entry = {"usable_bytes": card.usable_bytes, "fits": fits, "ran": ran}
            found.insert(0, {"name": card.name, **entry})
            if fits:
                break
        # Of those that the peak rules out the largest says it all.
        too_small = [card for card in found if not card["ran"]]
        return [card for card in found if card["ran"]] + too_small[:1], reason

    def _searched(
        self,
        name: str,
        shape: Callable[[int], tuple[int, int]],
        own: int,
        step: int,
        capacity: int,
        limit: int | None,
    ) -> dict[str, Any]:
        """The largest of one kind, with why nothing larger was run; or why there is none."""
        longest_trial = int(own * LONGEST_TRIAL_SECONDS / max(self._seconds, 1e-9)) // step * step
        most = max(own, longest_trial if limit is None else min(limit, longest_trial))
        guess = guessed(capacity, own, self._peak, self._bytes_per_unit(name), _MARGIN)
        spent = False

        def allowed(size: int) -> bool:
            nonlocal spent
            spent = self._seconds * size / own > self._deadline.left()
            return not spent

        try:
            found = largest(
                lambda size: self._peak_at(*shape(size)),
                (own, self._peak),
                guess,
                step,
                most,
                allowed,
            )
        except MemoryHeld:
            raise
        except Exception as error:  # The user's model and loss, on inputs that are not theirs.
            reason = why(error)
        else:
            rows, length = shape(found.fits)
            entry: dict[str, Any] = {"rows": rows, "length": length, "peak_bytes": found.peak_bytes}
            if found.fails is not None:
                entry["fails_at"] = found.fails
            if spent:
                return {**entry, "stopped": SPENT}
            if found.fails is not None:
                return entry
            if found.fits < most:
                return {**entry, "stopped": "enough sizes were tried"}
            reached = limit is not None and found.fits >= limit
            end = "the model knows no more positions" if reached else "a longer step was not tried"
            return {**entry, "stopped": end}
        # Outside of the handler: its traceback holds the step's tensors.
        release(self._run)
        return {"skipped": reason}

    def _bytes_per_unit(self, name: str) -> float:
        """By which each row, or each position of all rows, raises the peak."""
        own = self._points[0] if self._points else {}
        others = "rows" if name == "length" else "length"
        for point in self._points[1:]:
            if point[others] == own[others] and point[name] != own[name]:
                more = own["peak_bytes"] - point["peak_bytes"]
                return float(more / (own[name] - point[name]))
        if name == "rows" and len(self._points) > 1:  # A single row: it is as long as it is.
            return self._bytes_per_unit("length") * int(own["length"]) / int(own["rows"])
        return 0.0

    def _peak_at(self, rows: int, length: int, limit: int | None = None) -> int | None:
        window = reshaped(self._batch, rows, length).window(self._run)
        work = training(self._run, window)
        return self._instrument.height(work, [*self._run.windows, window], limit)
