"""The same step under several settings, in alternation, so that every setting sees every trouble.

Pairs within a round are compared, never averages of one setting with averages of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from ..capture.patches import Patches
from ..replay.device import device_of
from ..replay.run import Run
from ..replay.window import Window
from .clock import Step, timed_step
from .steady import steady

WARM_UP = 2
"""Rounds that are discarded."""

Setting = Callable[[Patches], None]
"""Changes what a step does, until the patches are undone."""


def unchanged(_patches: Patches) -> None:
    """The step as the run takes it."""


def alternate(
    run: Run,
    settings: Mapping[str, Setting],
    rounds: int,
    *,
    update: bool = True,
    windows: Mapping[str, Window] | None = None,
) -> dict[str, list[Step]]:
    """Take a step under each setting in turn, ``rounds`` times after the warm-up.

    Every second round goes backwards, so that no setting always comes after the same one. Every
    setting of a round gets the same window of the run, unless ``windows`` names one for each.
    ``update`` includes the optimizer's step. The run is as before when it returns.
    """
    device = device_of(run)
    taken: dict[str, list[Step]] = {name: [] for name in settings}
    state = run.save()
    try:
        with steady(device):
            for number in range(WARM_UP + rounds):
                order = list(settings.items())
                for name, setting in order if number % 2 else reversed(order):
                    window = windows[name] if windows else run.windows[number % len(run.windows)]
                    with Patches() as patches:
                        setting(patches)
                        step = timed_step(device, _work(run, window, update))
                    if not update:
                        run.model.zero_grad()
                    if number >= WARM_UP:
                        taken[name].append(step)
    finally:
        state.restore()
    return taken


def _work(run: Run, window: Window, update: bool) -> Callable[[], None]:
    def work() -> None:
        run.forward_backward(window)
        if update:
            run.update()

    return work


def paired(one: Sequence[Step], other: Sequence[Step]) -> tuple[float, float]:
    """By which fraction of ``one`` the steps of ``other`` are shorter: median, and its noise.

    The noise is half the spread of the middle half of the pairs.
    """
    saved = [(a.seconds - b.seconds) / a.seconds for a, b in zip(one, other, strict=True)]
    return median(saved), half_spread(saved)


def half_spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles."""
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return (ordered[-1 - quarter] - ordered[quarter]) / 2
