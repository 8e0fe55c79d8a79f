"""Measures the run of the user's own script."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from types import FrameType

from qlint.errors import UsageError

from .capture import trainers, uncaptured
from .capture.guards import guard, guard_saves
from .capture.patches import Patches
from .capture.script import run_script
from .measurement import Measurement
from .probes import Wanted, measure_all
from .progress import Progress
from .replay.run import Run

HELD_OUT = 4
"""Windows that are recorded beside those to train on, to judge by."""


def measure_script(
    path: str, arguments: Sequence[str], wanted: Wanted, progress: Progress
) -> Measurement:
    """Run the script up to its first training step, measure there, and stop it.

    Raises:
        UsageError: It never trains, or trains in a way that cannot be captured.
        ScriptFailed: It raised an exception of its own.
    """
    result = Measurement()
    with tempfile.TemporaryDirectory(prefix="qlint-probe-") as folder, Patches() as patches:
        call_off = uncaptured.refuse(patches)

        def measure(run: Run) -> None:
            call_off()
            result.line = _line_of(path, sys._getframe())
            guard_saves(patches)
            measure_all(run, wanted, result, progress)

        guard(patches, folder)
        trainers.install(patches, wanted.steps, HELD_OUT, measure)
        stopped = run_script(path, arguments, patches)
    if not stopped:
        raise UsageError(
            f"{path} came to its end without training through transformers' Trainer: nothing could "
            "be measured."
        )
    return result


def _line_of(path: str, frame: FrameType | None) -> int | None:
    """The line at which the script itself called what ended here."""
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None
