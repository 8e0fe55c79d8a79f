"""Measures the memory of a run's step on the longest batch that it can meet."""

from __future__ import annotations

from typing import Any

import torch

from ..capture.patches import Patches
from ..replay.device import device_of, release
from ..replay.run import Run
from ..replay.window import Window
from . import checkpointing
from .instruments import OnCuda, OnProcessor, instrument
from .longest import Longest, longest, shortened
from .peak import Peak
from .result import Activations, Mode
from .steps import Work, evaluation, training

_OUT_OF_MEMORY = "out of memory"
_FRACTIONS = (1, 2, 4)
"""The length is divided by these for the scaling."""
_SHORTEST = 16


def measure(run: Run, steps: int = 20, prediction_bytes: int | None = None) -> Activations:
    """Measure about ten steps of one or two micro-batches; ``steps`` does not change that.

    Optimizer state exists before the first of them. The run is as before when it returns.
    """
    device = device_of(run)
    if device.type not in ("cpu", "cuda"):
        return Activations(skipped=f"there is no instrument for device {device.type}")
    try:
        batch = longest(run)
    except ValueError as error:
        return Activations(skipped=str(error))
    state = run.save()
    try:
        run.forward_backward(run.windows[0])
        run.update()
        return _Probe(run, batch, instrument(run, device)).measured(prediction_bytes)
    finally:
        state.restore()


class _Probe:
    """Takes the peaks, one after the other."""

    def __init__(self, run: Run, batch: Longest, instrument: OnProcessor | OnCuda) -> None:
        self.run = run
        self.batch = batch
        self.window = batch.window(run)
        self.instrument = instrument

    def measured(self, prediction_bytes: int | None) -> Activations:
        work = training(self.run, self.window)
        peak = self._peak(work, self.window)
        if peak is None:
            return Activations(skipped=f"{_OUT_OF_MEMORY} on {self.batch.source}")
        again = self._peak(work, self.window)
        reserved = self.instrument.reserved_bytes()
        return Activations(
            peak_bytes=peak.peak_bytes,
            resident_bytes=peak.resident_bytes,
            saved_bytes=peak.saved_bytes,
            reserved_bytes=reserved,
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
            scaling=self._scaling(peak),
            method=self.instrument.method,
            noise=None if again is None else abs(again.peak_bytes / peak.peak_bytes - 1),
            cross_check=self.instrument.cross_check(work, peak),
            prediction_bytes=prediction_bytes,
        )

    def _peak(self, work: Work, window: Window) -> Peak | None:
        """None where the step does not fit the device."""
        try:
            return self.instrument.peak(work, [*self.run.windows, window])
        except torch.cuda.OutOfMemoryError:
            pass
        release(self.run)
        return None

    def _checkpointing(self, peak: Peak) -> dict[str, Mode]:
        """The run's own mode, and the other one."""
        model = self.run.model
        on = checkpointing.is_on(model)
        if on is None:
            return {"off": Mode(skipped="the model has no switch for checkpointing")}
        with Patches() as patches:
            checkpointing.switch(patches, model, not on)
            other = self._peak(training(self.run, self.window), self.window)
        reentrant = checkpointing.use_reentrant(model)
        modes = {on: _mode(peak, as_in_the_run=True), not on: _mode(other, as_in_the_run=False)}
        return {
            "on": Mode(
                modes[True].peak_bytes,
                modes[True].saved_bytes,
                modes[True].as_in_the_run,
                reentrant,
                modes[True].skipped,
            ),
            "off": modes[False],
        }

    def _evaluation(self) -> dict[str, Any]:
        window = Window((self.batch.inputs,), self.window.items)
        peak = self._peak(evaluation(self.run, window), window)
        if peak is None:
            return {"skipped": _OUT_OF_MEMORY}
        return {"peak_bytes": peak.peak_bytes, "at": peak.at}

    def _scaling(self, peak: Peak) -> dict[str, Any]:
        """Peaks at shorter sequences and of fewer rows."""
        rows, length = self.batch.rows, self.batch.length
        shapes = [(rows, length // part) for part in _FRACTIONS if length // part >= _SHORTEST]
        if rows > 1:
            shapes.append((rows // 2, length))
        points = []
        for shape in shapes:
            point: dict[str, Any] = dict(zip(("rows", "length"), shape, strict=True))
            if shape == (rows, length):
                found: Peak | None = peak
            else:
                window = shortened(self.batch, *shape).window(self.run)
                found = self._peak(training(self.run, window), window)
            points.append({**point, "peak_bytes": None if found is None else found.peak_bytes})
        return {"points": points, "bytes_per_token": _slope(points)}


def _mode(peak: Peak | None, *, as_in_the_run: bool) -> Mode:
    if peak is None:
        return Mode(as_in_the_run=as_in_the_run, skipped=_OUT_OF_MEMORY)
    return Mode(peak.peak_bytes, peak.saved_bytes, as_in_the_run)


def _slope(points: list[dict[str, Any]]) -> float | None:
    """Bytes that each token of a batch adds, between its full length and half of it."""
    known = [point for point in points if point["peak_bytes"] is not None]
    if len(known) < 2 or known[0]["length"] == known[1]["length"]:
        return None
    one, other = known[:2]
    tokens = one["rows"] * one["length"] - other["rows"] * other["length"]
    return float((one["peak_bytes"] - other["peak_bytes"]) / tokens)
