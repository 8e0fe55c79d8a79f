"""Measures the run of the user's own script."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from types import FrameType

import torch

from .capture import folders, loops, trainers, uncaptured, unsupported
from .capture.guards import guard
from .capture.patches import Patches
from .capture.script import run_script
from .capture.stop import Stopper
from .environment import environment
from .gpu_watch import GpuWatch
from .measurement import Measurement
from .probes import PROBES, Wanted, measure_all
from .progress import Progress
from .replay.run import Run
from .silence import quiet_replay

HELD_OUT = 4
"""Windows that are recorded beside those to train on, to judge by."""


def measure_script(
    path: str, arguments: Sequence[str], wanted: Wanted, progress: Progress
) -> Measurement:
    """Run the script up to its first training step, measure there, and stop it.

    An interrupt before that gives a result in which nothing is measured.

    Raises:
        UsageError: It never trains, or trains in a way that cannot be captured.
        ScriptFailed: It raised an exception of its own.
    """
    unsupported.one_process()
    result = Measurement()
    stopper = Stopper()
    with tempfile.TemporaryDirectory(prefix="qlint-probe-") as folder, Patches() as patches:

        def measure(run: Run) -> None:
            call_off()
            result.line = _line_of(path, sys._getframe())
            with quiet_replay():
                measure_all(run, _suited(wanted, run), result, progress)

        guard(patches, folder)
        unsupported.refuse(patches, stopper)
        stopper.when_stopped(lambda: folders.freeze(patches))
        trainers.install(patches, wanted.steps, HELD_OUT, measure, stopper)
        loop = loops.install(patches, wanted.steps, HELD_OUT, measure, stopper)
        call_off = uncaptured.refuse(patches, stopper)
        try:
            if not run_script(path, arguments, patches, stopper):
                loop.finish()
        except KeyboardInterrupt:
            _nothing_measured(result, path)
    return result


def _suited(wanted: Wanted, run: Run) -> Wanted:
    """What may be asked of this run."""
    if run.no_learning_rate is None:
        return wanted
    return wanted._replace(no_learning_rate=run.no_learning_rate)


def _nothing_measured(result: Measurement, path: str) -> None:
    """What an interrupt leaves that comes before there is anything to measure."""
    result.name, result.interrupted = os.path.basename(path), True
    for probe in PROBES:
        result.probes[probe.key] = {"skipped": "interrupted before the script trained"}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    result.environment = environment(device, GpuWatch(None), 0)


def _line_of(path: str, frame: FrameType | None) -> int | None:
    """The line at which the script itself called what ended here."""
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None
