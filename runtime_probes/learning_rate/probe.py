"""The probe: trials within a budget of time, and what they show."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ..out_of_memory import MemoryHeld, attempt
from ..quantisation_noise.noise import measure_noise
from ..quantisation_noise.update import update_sizes
from ..replay.run import Run
from ..replay.state import State
from ..replay.window import divided
from .judgement import judge, noise_band
from .layout import LAYOUTS, OWN, Layout, fitting
from .rates import NoRate, peak_rates
from .result import LearningRate
from .trial import InvalidTrial, Trial, check_that_rates_matter, judged, run_trial

METHOD = (
    "trials of {steps} steps from the run's own start, constant rate after a short ramp, {seeds} "
    "seeds, paired with the lowest rate and judged on {held_out} held-out windows; the band is the "
    "largest difference between trials of one rate"
)
Progress = Callable[[int, int], None]
"""Called with the trials that are done and that there will be."""
_NO_MEMORY = "out of memory"
_NO_BUDGET_SECONDS = 600.0
"""What trials may take together where nobody said; the least layout is then run in any case."""


def measure(
    run: Run,
    steps: int = 20,
    budget_seconds: float | None = None,
    progress: Progress | None = None,
) -> LearningRate:
    """Try multiples of the run's learning rate, as many as the time allows.

    The run is put back as it was. What cannot be measured is ``skipped`` with a reason.
    """
    state = run.save()
    windows, held_out = run.windows, run.held_out
    if not held_out:
        run.windows, run.held_out = divided(windows, 4)
    run.windows = run.windows[:steps]
    try:
        return _measure(run, state, budget_seconds, progress or (lambda _, __: None))
    except (NoRate, InvalidTrial, MemoryHeld) as reason:
        return LearningRate(skipped=str(reason))
    finally:
        run.windows, run.held_out = windows, held_out
        state.restore()


def _measure(
    run: Run, state: State, budget_seconds: float | None, progress: Progress
) -> LearningRate:
    if not run.held_out:
        return LearningRate(
            skipped=f"{len(run.windows)} steps were recorded: too few to hold some out."
        )
    peak = peak_rates(run)[0]
    untrained = judged(run)
    if not math.isfinite(untrained):
        return LearningRate(skipped="The loss is not finite before the first step.")
    noise = attempt(lambda: measure_noise(run), state.restore) or {"skipped": _NO_MEMORY}
    began = time.monotonic()
    first = _tried(run, state, OWN, 0)
    if first.broke == _NO_MEMORY:
        return LearningRate(skipped="The run itself does not fit into memory.")
    seconds = time.monotonic() - began
    noise["update"] = attempt(lambda: update_sizes(run.model), _nothing)
    layout = fitting(seconds, _NO_BUDGET_SECONDS if budget_seconds is None else budget_seconds)
    if layout is None and budget_seconds is not None:
        return LearningRate(
            noise=noise,
            skipped=f"{LAYOUTS[-1].trials} trials of {seconds:.0f} s each do not fit into "
            f"{budget_seconds:.0f} s.",
        )
    repeated, trials = _all(run, state, layout or LAYOUTS[-1], first, progress)
    check_that_rates_matter(trials)
    band = noise_band(trials, repeated)
    return LearningRate(
        judge(trials, peak, untrained, band),
        band,
        METHOD.format(
            steps=len(run.windows),
            seeds=len({trial.seed for trial in trials}),
            held_out=len(run.held_out),
        ),
        noise,
    )


def _all(
    run: Run, state: State, layout: Layout, first: Trial, progress: Progress
) -> tuple[Trial, list[Trial]]:
    """The repetition of the first trial, and all trials that are paired."""
    repeated = _tried(run, state, OWN, 0)
    trials = [first]
    for seed in range(layout.seeds):
        for multiple in layout.multiples:
            if (multiple, seed) != (OWN, 0):
                progress(len(trials) + 1, layout.trials)
                trials.append(_tried(run, state, multiple, seed))
    return repeated, trials


def _tried(run: Run, state: State, multiple: float, seed: int) -> Trial:
    trial = attempt(lambda: run_trial(run, state, multiple, seed), state.restore)
    if trial is None:
        return Trial(multiple, seed, (), math.inf, 0, _NO_MEMORY)
    return trial


def _nothing() -> None:
    """Looking at weights leaves nothing in the run."""
