"""The probe: trials within a budget of time, and what they show."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from qlint.rulebook.wording import scientific

from ..out_of_memory import MemoryHeld, attempt
from ..quantisation_noise.noise import measure_noise
from ..quantisation_noise.update import update_sizes
from ..replay.run import Run
from ..replay.state import State
from ..replay.window import divided
from .judgement import judge, noise_band
from .layout import FEWEST_SEEDS, LAYOUTS, OWN, Layout, fitting
from .rates import NoRate, peak_rates
from .result import LearningRate
from .trial import InvalidTrial, Trial, check_that_rates_matter, judged, run_trial

METHOD = (
    "trials of {steps} steps from the run's own start, constant rate after a short ramp, {seeds} "
    "seeds, paired with the lowest rate and judged on {held_out} held-out windows; the band is the "
    "largest difference between trials of one rate"
)
Tell = Callable[[str], None]
"""Called with what is being tried, in words."""
_NO_MEMORY = "out of memory"
_NO_BUDGET_SECONDS = 600.0
"""What trials may take together where nobody said; the least layout is then run in any case."""


def measure(
    run: Run,
    steps: int = 20,
    budget_seconds: float | None = None,
    tell: Tell | None = None,
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
        return _measure(run, state, budget_seconds, tell or (lambda _: None))
    except (NoRate, InvalidTrial, MemoryHeld) as reason:
        return LearningRate(skipped=str(reason))
    finally:
        run.windows, run.held_out = windows, held_out
        state.restore()


def _measure(run: Run, state: State, budget_seconds: float | None, tell: Tell) -> LearningRate:
    if not run.held_out:
        return LearningRate(
            skipped=f"{len(run.windows)} steps were recorded: too few to hold some out."
        )
    peak = peak_rates(run)[0]
    untrained = judged(run)
    if not math.isfinite(untrained):
        return LearningRate(skipped="The loss is not finite before the first step.")
    began = time.monotonic()
    noise = attempt(lambda: measure_noise(run), state.restore) or {"skipped": _NO_MEMORY}
    first_began = time.monotonic()
    tell(f"the run's own rate, {scientific(peak)}")
    first = _tried(run, state, OWN, 0)
    if first.lost is not None:
        return LearningRate(skipped="The run itself does not fit into memory.")
    seconds = time.monotonic() - first_began
    noise["update"] = attempt(lambda: update_sizes(run.model), _nothing)
    left = _NO_BUDGET_SECONDS
    if budget_seconds is not None:
        left = budget_seconds - (first_began - began)
    layout = fitting(seconds, left)
    if layout is None and budget_seconds is not None:
        return LearningRate(
            noise=noise,
            skipped=f"{LAYOUTS[-1].trials} trials of {seconds:.2g} s each do not fit into "
            f"{budget_seconds:.3g} s.",
        )
    series = _Series(run, state, layout or LAYOUTS[-1], peak, tell)
    deadline = None if budget_seconds is None else began + budget_seconds
    repeated, trials = series.trials(first, deadline)
    seeds = len({trial.seed for trial in trials})
    if seeds < FEWEST_SEEDS:
        return LearningRate(
            noise=noise,
            skipped=f"The {budget_seconds:.3g} s were over before {FEWEST_SEEDS} seeds were tried.",
        )
    check_that_rates_matter(trials)
    band = noise_band(trials, repeated)
    return LearningRate(
        judge(trials, peak, untrained, band),
        band,
        learning_rate=peak,
        steps=len(run.windows),
        held_out=len(run.held_out),
        cut=_cut(len(trials) + 1, seconds, budget_seconds),
        method=METHOD.format(steps=len(run.windows), seeds=seeds, held_out=len(run.held_out)),
        noise=noise,
    )


def _cut(trials: int, seconds: float, budget_seconds: float | None) -> str | None:
    """What the time did not allow, in words; None where nothing was left out."""
    full = LAYOUTS[0].trials
    if trials == full:
        return None
    given = "without --budget trials may" if budget_seconds is None else "the budget lets trials"
    limit = _NO_BUDGET_SECONDS if budget_seconds is None else budget_seconds
    return (
        f"{trials} trials instead of {full}: one takes {seconds:.2g} s, and {given} take "
        f"{limit:.3g} s together"
    )


class _Series:
    """Makes the trials of a layout, one seed after the other."""

    def __init__(self, run: Run, state: State, layout: Layout, peak: float, tell: Tell) -> None:
        self._run, self._state, self._layout = run, state, layout
        self._peak = peak
        self._tell = tell
        self._made = 1

    def trials(self, first: Trial, deadline: float | None) -> tuple[Trial, list[Trial]]:
        """The repetition of the first trial, and those of all seeds that end by ``deadline``."""
        repeated = self._next(OWN, 0)
        trials: list[Trial] = []
        for seed in range(self._layout.seeds):
            of_seed = [first] if seed == 0 else []
            for multiple in self._layout.multiples:
                if (multiple, seed) == (OWN, 0):
                    continue
                if deadline is not None and time.monotonic() > deadline:
                    return repeated, trials
                of_seed.append(self._next(multiple, seed))
            trials += of_seed
        return repeated, trials

    def _next(self, multiple: float, seed: int) -> Trial:
        self._made += 1
        rate = scientific(self._peak * multiple)
        self._tell(f"trial {self._made} of {self._layout.trials}, lr {rate}")
        return _tried(self._run, self._state, multiple, seed)


def _tried(run: Run, state: State, multiple: float, seed: int) -> Trial:
    trial = attempt(lambda: run_trial(run, state, multiple, seed), state.restore)
    if trial is None:
        return Trial(multiple, seed, (), math.inf, 0, lost=_NO_MEMORY)
    return trial


def _nothing() -> None:
    """Looking at weights leaves nothing in the run."""
