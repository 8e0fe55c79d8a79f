"""One trial: a few steps at one learning rate, and the checks that make it count."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ..replay.run import Run
from ..replay.state import State
from .rates import impose, peak_rates, ramp
from .seeds import ordered, reseed


class InvalidTrial(Exception):
    """A trial that did not do what it claims; its text is a sentence."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one learning rate did to the run.

    ``losses`` are those of the training windows, one a step, before each update; ``held_out`` the
    mean over the held-out windows after the last one, infinite where a loss was not finite.
    """

    multiple: float
    seed: int
    losses: tuple[float, ...]
    held_out: float
    skipped_steps: int
    """Steps that the gradient scaler skipped."""
    broke: str | None = None
    """Why training at this rate did not reach its end, in words."""
    lost: str | None = None
    """Why there is no such trial, in words: not the rate's doing, so nothing is known of it."""
    trained: tuple[tuple[float, float], ...] = ()
    """Sum and norm of each trained parameter at the end."""


def run_trial(run: Run, state: State, multiple: float, seed: int) -> Trial:
    """Train from ``state`` at ``multiple`` of the run's rate. Leaves the run as trained.

    Raises InvalidTrial where the rate was not in force or nothing moved.
    """
    state.restore()
    reseed(run.model, seed)
    peaks = peak_rates(run)
    before = _fingerprint(run.model)
    losses: list[float] = []
    skipped = 0
    windows = ordered(run.windows, seed)
    for number, window in enumerate(windows):
        losses.append(run.forward_backward(window))
        if not math.isfinite(losses[-1]):
            return Trial(multiple, seed, tuple(losses), math.inf, skipped, "the loss is not finite")
        rates = [peak * multiple * ramp(number, len(windows)) for peak in peaks]
        impose(run.optimizer, rates)
        stepped = run.update()
        skipped += stepped.skipped
        if not math.isclose(stepped.learning_rate, rates[0], rel_tol=1e-5):
            raise InvalidTrial(
                f"The learning rate in force was {stepped.learning_rate:g} instead of "
                f"{rates[0]:g}: something else sets it."
            )
    if skipped == len(windows):
        return Trial(
            multiple, seed, tuple(losses), math.inf, skipped, "the scaler skipped every step"
        )
    after = _fingerprint(run.model)
    if before == after:
        raise InvalidTrial("No parameter moved: the optimizer does not train this model.")
    held_out = judged(run)
    broke = None if math.isfinite(held_out) else "the held-out loss is not finite"
    return Trial(multiple, seed, tuple(losses), held_out, skipped, broke, trained=after)


def judged(run: Run) -> float:
    """The mean loss of the held-out windows as the run stands, infinite where it is not finite."""
    losses = [run.evaluate(window) for window in run.held_out]
    mean = sum(losses) / len(losses)
    return mean if math.isfinite(mean) else math.inf


def check_that_rates_matter(trials: Iterable[Trial]) -> None:
    """Two rates that give the same curve were not two rates, or the loss cannot tell them apart.

    Raises InvalidTrial.
    """
    seen: dict[tuple[int, tuple[float, ...]], Trial] = {}
    for trial in trials:
        same = seen.setdefault((trial.seed, trial.losses), trial)
        if len(trial.losses) < 2 or same.multiple == trial.multiple:
            continue
        why = "the rate does not reach the update"
        if same.trained != trial.trained:
            why = "updates so small do not show in a loss of this precision"
        raise InvalidTrial(
            f"x{same.multiple:g} and x{trial.multiple:g} of the learning rate gave the same curve: "
            f"{why}."
        )


def _fingerprint(model: torch.nn.Module) -> tuple[tuple[float, float], ...]:
    """Sum and norm of each trainable parameter, for copies of all may not fit."""
    return tuple(
        (float(parameter.detach().float().sum()), float(parameter.detach().float().norm()))
        for parameter in model.parameters()
        if parameter.requires_grad
    )
