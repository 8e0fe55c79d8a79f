"""Finds the cheapest changes that make a job fit, each of them predicted anew."""

from __future__ import annotations

from collections.abc import Callable

from qlint.memory.job import Job, Prediction
from qlint.planning.changes import CHANGES, Change
from qlint.records import Record

_NOTICEABLE = 32 * 2**20
"""A change that saves less than this many bytes is not worth a line."""
_ROUNDS = 8
"""How often batch and length may be halved: 256 fold."""

Predict = Callable[[Job], Prediction]


class Step(Record):
    """One change on the way, on top of those before it."""

    change: Change
    job: Job
    prediction: Prediction
    saved_bytes: int
    fits: bool


def cheapest_changes(job: Job, usable_bytes: int, predict: Predict) -> list[Step]:
    """Changes in the order of their cost until ``job`` fits ``usable_bytes``.

    What turns out to be superfluous, because a later change saves enough without it, is left out,
    the costliest first. Where nothing suffices the list holds all that helps, and its last step
    does not fit.
    """
    taken = _until_it_fits(job, usable_bytes, predict)
    if not taken or not taken[-1].fits:
        return taken
    changes = [step.change for step in taken]
    for change in reversed(changes[:-1]):
        fewer = [one for one in changes if one is not change]
        steps = _applied(job, fewer, usable_bytes, predict)
        if steps and steps[-1].fits:
            changes = fewer
    return _applied(job, changes, usable_bytes, predict)


def single_changes(job: Job, usable_bytes: int, predict: Predict) -> list[Step]:
    """Every change by itself that saves something, in the order of costs."""
    steps = []
    for change in CHANGES:
        steps += _applied(job, [change], usable_bytes, predict)
    return steps


def _until_it_fits(job: Job, usable_bytes: int, predict: Predict) -> list[Step]:
    steps: list[Step] = []
    for change in CHANGES:
        for _ in range(_ROUNDS):
            step = _step(job, change, usable_bytes, predict)
            if step is None:
                break
            steps.append(step)
            if step.fits:
                return steps
            job = step.job
    return steps


def _applied(job: Job, changes: list[Change], usable_bytes: int, predict: Predict) -> list[Step]:
    steps: list[Step] = []
    for change in changes:
        step = _step(job, change, usable_bytes, predict)
        if step is not None:
            steps.append(step)
            job = step.job
    return steps


def _step(job: Job, change: Change, usable_bytes: int, predict: Predict) -> Step | None:
    changed = change.apply(job)
    if changed is None:
        return None
    before, after = predict(job), predict(changed)
    saved = before.needed_bytes - after.needed_bytes
    if saved < _NOTICEABLE:
        return None
    return Step(change, changed, after, saved, after.needed_bytes <= usable_bytes)
