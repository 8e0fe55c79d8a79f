"""Measures the run of the user's own script."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from types import FrameType

from .activations.duration import SPENT
from .capture import folders, loops, trainers, uncaptured, unsupported
from .capture.failures import explained
from .capture.guards import guard
from .capture.patches import Patches
from .capture.script import run_script
from .capture.stop import NotReplayable, Stopper
from .early import interrupted_early
from .fresh_process import measure_afresh
from .measurement import Measurement
from .out_of_memory import HELD
from .probes import PROBES, Wanted, measure_all
from .progress import Progress
from .replay.run import Run
from .silence import quiet_replay

_NOT_RUN = ("not asked for", "interrupted", SPENT)
HELD_OUT = 4
"""Windows that are recorded beside those to train on, to judge by."""


def measure_script(
    path: str, arguments: Sequence[str], wanted: Wanted, progress: Progress
) -> Measurement:
    """Run the script up to its first training step, measure there, and stop it.

    Steps that cannot be replayed are measured while the script trains, in memory only. What comes
    after a trial that left memory allocated is measured in a process of its own.

    Raises:
        UsageError: It never trains, or trains nothing that can be measured, or raised an exception
            of its own, which has been shown.
    """
    unsupported.one_process()
    started = time.monotonic()
    try:
        result = capture_and_measure(path, arguments, wanted, progress)
    except NotReplayable as error:
        if set(wanted.only) == {"lr"}:
            raise
        unsuited: tuple[str, str] | None = (error.why, str(error))
    else:
        unsuited = None
    # Outside of the handler: its traceback holds the script's model.
    if unsuited is not None:
        progress.say(f"{path} is run again and measured while it trains, saving nothing.")
        wanted = _in_time(wanted, started)
        return measure_afresh(path, arguments, wanted, quiet=progress.quiet, unsuited=unsuited)
    names = _affected(result)
    if names and not result.interrupted:
        progress.say(f"memory was not given back: {path} is run again for {', '.join(names)}.")
        wanted = _in_time(wanted, started)._replace(only=names)
        again = measure_afresh(path, arguments, wanted, quiet=progress.quiet)
        keys = [probe.key for probe in PROBES if probe.name in names]
        result.probes.update({key: again.probes[key] for key in keys})
        result.interrupted = again.interrupted
    return result


def capture_and_measure(
    path: str, arguments: Sequence[str], wanted: Wanted, progress: Progress
) -> Measurement:
    """Capture the script's run in this process and measure it.

    An interrupt before that gives a result in which nothing is measured. Raises NotReplayable
    where the script trains in a way that cannot be repeated, and else as ``measure_script``.
    """
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
            with explained(path):
                if not run_script(path, arguments, patches, stopper):
                    loop.finish()
        except KeyboardInterrupt:
            interrupted_early(result, path)
    return result


def _in_time(wanted: Wanted, started: float) -> Wanted:
    """The same within what is left of the budget."""
    if wanted.budget_seconds is None:
        return wanted
    left = wanted.budget_seconds - (time.monotonic() - started)
    return wanted._replace(budget_seconds=max(1.0, left))


def _affected(result: Measurement) -> tuple[str, ...]:
    """The probe that left memory allocated, and those that ran after it."""
    ran = [probe for probe in PROBES if result.probes[probe.key].get("skipped") not in _NOT_RUN]
    for number, probe in enumerate(ran):
        if HELD in str(result.probes[probe.key].get("skipped")):
            return tuple(probe.name for probe in ran[number:])
    return ()


def _suited(wanted: Wanted, run: Run) -> Wanted:
    """What may be asked of this run."""
    if run.no_learning_rate is None:
        return wanted
    return wanted._replace(no_learning_rate=run.no_learning_rate)


def _line_of(path: str, frame: FrameType | None) -> int | None:
    """The line at which the script itself called what ended here."""
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None
