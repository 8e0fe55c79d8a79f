"""Measures the run of the user's own script."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from types import FrameType

from .capture import loops, trainers, uncaptured
from .capture.guards import guard
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

        def measure(run: Run) -> None:
            call_off()
            result.line = _line_of(path, sys._getframe())
            measure_all(run, wanted, result, progress)

        guard(patches, folder)
        trainers.install(patches, wanted.steps, HELD_OUT, measure)
        loop = loops.install(patches, wanted.steps, HELD_OUT, measure)
        call_off = uncaptured.refuse(patches)
        if not run_script(path, arguments, patches):
            loop.finish()
    return result


def _line_of(path: str, frame: FrameType | None) -> int | None:
    """The line at which the script itself called what ended here."""
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None
