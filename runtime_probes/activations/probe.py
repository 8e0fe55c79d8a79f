"""Measures the memory of a run's step on the longest batch that it can meet."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from ..capture.patches import Patches
from ..out_of_memory import MemoryHeld, attempt
from ..replay.device import device_of, release
from ..replay.run import Run
from ..replay.window import Window
from . import checkpointing
from .duration import SPENT, Deadline
from .fitting import Fitting
from .generation import NothingGenerated, generation
from .instruments import OnCuda, OnProcessor, instrument
from .longest import Longest, longest, reshaped
from .peak import Peak
from .prediction import AutocastWatch, prediction
from .result import Activations, Mode
from .steps import Work, evaluation, training, why

OUT_OF_MEMORY = "out of memory"
_FRACTIONS = (1, 2, 4)
"""The length is divided by these for the scaling."""
_SHORTEST = 16


def measure(run: Run, steps: int = 20, seconds: float | None = None) -> Activations:
    """Measure about ten steps of one or two micro-batches; ``steps`` does not change that.

    On a card it takes some more, to find what fits. Optimizer state exists before the first of
    them. After ``seconds`` nothing more is begun. The run is as before when it returns.
    """
    deadline = Deadline(seconds)
    device = device_of(run)
    if device.type not in ("cpu", "cuda"):
        return Activations(skipped=f"there is no instrument for device {device.type}")
    try:
        batch = longest(run)
    except ValueError as error:
        return Activations(skipped=str(error))
    return measured(run, batch, instrument(run, device), deadline)


def measured(
    run: Run, batch: Longest, instrument: OnProcessor | OnCuda, deadline: Deadline
) -> Activations:
    """Measure steps on ``batch`` with ``instrument``; past the deadline, the peak alone."""
    state = run.save()
    try:
        watch = AutocastWatch(run.model, instrument.device)
        try:
            run.forward_backward(run.windows[0])
        finally:
            watch.end()
        run.update()
        return _Probe(run, batch, instrument, deadline).measured(watch.dtype)
    finally:
        state.restore()


class _Probe:
    """Takes the peaks, one after the other."""

    def __init__(
        self, run: Run, batch: Longest, instrument: OnProcessor | OnCuda, deadline: Deadline
    ) -> None:
        self.run = run
        self.deadline = deadline
        self.batch = batch
        self.window = batch.window(run)
        self.instrument = instrument

    def measured(self, autocast: torch.dtype | None) -> Activations:
        work = training(self.run, self.window)
        peak = self._peak(work, self.window)
        if peak is None:
            return Activations(skipped=f"{OUT_OF_MEMORY} on {self.batch.source}")
        again = self._peak(work, self.window)
        reserved = self.instrument.reserved_bytes()
        by_device = self.instrument.by_device()
        cross_check = self.instrument.cross_check(work, peak)
        points = self._points(peak)
        fitting = Fitting(self.run, self.batch, self.instrument, peak, points, self.deadline)
        cards, no_cards = fitting.cards()
        largest = fitting.largest()
        return Activations(
            peak_bytes=peak.peak_bytes,
            resident_bytes=peak.resident_bytes,
            saved_bytes=peak.saved_bytes,
            reserved_bytes=reserved,
            by_device=by_device,
            paged_bytes=_paged_bytes(self.run.optimizer),
            at=peak.at,
            by_module=peak.by_module,
            by_kind=peak.by_kind,
            batch={
                "rows": self.batch.rows,
                "length": self.batch.length,
                "micro_batches": len(self.window.inputs),
                "source": self.batch.source,
            },
            checkpointing=self._checkpointing(peak),
            evaluation=self._evaluation(),
            generation=self._generation(),
            scaling={"points": points, "bytes_per_token": _slope(points)},
            largest=largest,
            smaller_cards=cards,
            smaller_cards_skipped=no_cards,
            method=self.instrument.method,
            noise=None if again is None else abs(again.peak_bytes / peak.peak_bytes - 1),
            cross_check=cross_check,
            prediction=self._prediction(autocast, peak),
        )

    def _peak(self, work: Work, window: Window) -> Peak | None:
        """None where the step does not fit the device."""
        windows = [*self.run.windows, window]
        return attempt(lambda: self.instrument.peak(work, windows), lambda: release(self.run))

    def _other(self, work: Work, window: Window) -> Peak | str:
        """The peak of a step that the run itself does not take, or why there is none."""
        if self.deadline.passed:
            return SPENT
        try:
            peak = self._peak(work, window)
        except MemoryHeld:
            raise
        except NothingGenerated as error:
            reason = str(error)
        except Exception as error:  # The user's model and loss, on inputs that are not theirs.
            reason = why(error)
        else:
            return OUT_OF_MEMORY if peak is None else peak
        release(self.run)
        return reason

    def _checkpointing(self, peak: Peak) -> dict[str, Mode]:
        """The run's own mode, and the other one."""
        model = self.run.model
        on = checkpointing.is_on(model)
        if on is None:
            return {"off": Mode(skipped="the model has no switch for checkpointing")}
        with Patches() as patches:
            checkpointing.switch(patches, model, not on)
            other = self._other(training(self.run, self.window), self.window)
        reentrant = checkpointing.use_reentrant(model)
        own = _mode(peak, as_in_the_run=True, reentrant=reentrant if on else None)
        changed = _mode(other, as_in_the_run=False, reentrant=None if on else reentrant)
        return {"on": own, "off": changed} if on else {"on": changed, "off": own}

    def _evaluation(self) -> dict[str, Any]:
        window = Window((self.batch.inputs,), self.window.items)
        return _entry(self._other(evaluation(self.run, window), window))

    def _generation(self) -> dict[str, Any]:
        window = Window((self.batch.inputs,), self.window.items)
        try:
            work = generation(self.run, self.batch.inputs, self.deadline.left())
        except NothingGenerated as error:
            return {"skipped": str(error)}
        return _entry(self._other(work, window))

    def _points(self, peak: Peak) -> list[dict[str, Any]]:
        """Peaks at shorter sequences and of fewer rows, the run's own first."""
        rows, length, unit = self.batch.rows, self.batch.length, self.batch.unit
        shapes = [(rows, length // part) for part in _FRACTIONS if length // part >= _SHORTEST]
        if rows > unit:
            shapes.append((rows // unit // 2 * unit, length))
        points: list[dict[str, Any]] = [_point(rows, length, peak)]
        for shape in shapes:
            if shape != (rows, length):
                window = reshaped(self.batch, *shape).window(self.run)
                points.append(_point(*shape, self._other(training(self.run, window), window)))
        return points

    def _prediction(self, autocast: torch.dtype | None, peak: Peak) -> dict[str, Any]:
        found = prediction(
            self.run, self.batch, len(self.window.inputs), autocast, self.instrument.device
        )
        if "bytes" not in found:
            return found
        return {**found, "error": found["bytes"] / peak.peak_bytes - 1}


def _mode(peak: Peak | str, *, as_in_the_run: bool, reentrant: bool | None) -> Mode:
    if isinstance(peak, str):
        return Mode(as_in_the_run=as_in_the_run, use_reentrant=reentrant, skipped=peak)
    return Mode(
        peak.peak_bytes,
        peak.saved_bytes,
        peak.at,
        peak.by_module,
        peak.by_kind,
        as_in_the_run,
        reentrant,
    )


def _entry(peak: Peak | str) -> dict[str, Any]:
    if isinstance(peak, str):
        return {"skipped": peak}
    return {"peak_bytes": peak.peak_bytes, "at": peak.at}


def _point(rows: int, length: int, peak: Peak | str) -> dict[str, Any]:
    """``peak_bytes`` is None where there is none, and ``skipped`` says why."""
    if isinstance(peak, str):
        return {"rows": rows, "length": length, "peak_bytes": None, "skipped": peak}
    return {"rows": rows, "length": length, "peak_bytes": peak.peak_bytes}


def _slope(points: list[dict[str, Any]]) -> float | None:
    """Bytes that each token of a batch adds, between its full length and half of it."""
    known = [point for point in points if point["peak_bytes"] is not None]
    if len(known) < 2 or known[0]["length"] == known[1]["length"]:
        return None
    one, other = known[:2]
    tokens = one["rows"] * one["length"] - other["rows"] * other["length"]
    return float((one["peak_bytes"] - other["peak_bytes"]) / tokens)


def _paged_bytes(optimizer: Any) -> int | None:
    """What bitsandbytes' paged optimizers keep in managed memory; None where nothing is paged."""
    paged = [
        value.nbytes
        for value in tree_leaves([list(entries.values()) for entries in optimizer.state.values()])
        if getattr(value, "is_paged", False)
    ]
    return sum(paged) if paged else None
