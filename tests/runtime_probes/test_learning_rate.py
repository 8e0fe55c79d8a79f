"""Trials find the rate at which a run breaks, and trust no trial that did not do what it says."""

from __future__ import annotations

import importlib
import json
import math
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

import torch
from quadratic_run import EDGE, QuadraticRun


def measured(run: Any, **settings: Any) -> dict[str, Any]:
    module = importlib.import_module("qlint.runtime_probes.learning_rate.probe")
    result: dict[str, Any] = module.measure(run, **settings).as_json()
    json.dumps(result, allow_nan=False)
    return result


@pytest.mark.parametrize("learning_rate", [0.3, 1.5])
def test_the_edge_is_the_lowest_rate_above_the_known_one(learning_rate: float) -> None:
    result = measured(QuadraticRun(learning_rate))

    tried = [trial["lr"] for trial in result["trials"]]
    assert result["edge"] == min(rate for rate in tried if rate > EDGE)
    assert result["decided"]
    assert result["own_diverged"] is False


def test_a_rate_that_breaks_is_confirmed_and_no_higher_one_is_called_safe() -> None:
    own = 1.5 * EDGE
    result = measured(QuadraticRun(own))

    assert result["own_diverged"]
    assert result["edge"] == own
    assert result["safe_range"] == [own / 4, own / 2]


@pytest.mark.parametrize("learning_rate", [0.01, 0.3, 1.0])
def test_a_rate_above_the_runs_own_is_never_called_safe(learning_rate: float) -> None:
    assert measured(QuadraticRun(learning_rate))["safe_range"][1] == learning_rate


def test_where_nothing_breaks_there_is_no_edge() -> None:
    result = measured(QuadraticRun(0.01))

    assert result["edge"] is None
    assert not any(trial["diverged"] for trial in result["trials"])


def test_the_lowest_rate_is_what_the_others_are_paired_with() -> None:
    trials = measured(QuadraticRun(0.3))["trials"]

    assert [trial["multiple"] for trial in trials] == [0.25, 0.5, 1, 2, 4, 8, 16]
    assert trials[0]["paired_delta"] == 0
    assert set(map(tuple, trials[0]["paired_curve"])) == {(0.0, 0.0, 0.0)}
    assert trials[2]["paired_delta"] < trials[1]["paired_delta"] < 0


def test_the_run_is_left_as_it_was() -> None:
    run = QuadraticRun(0.3)
    windows = run.windows

    measured(run)

    assert run.windows is windows
    assert run.optimizer.param_groups[0]["lr"] == 0.3
    assert not run.model.weight.any()
    assert run.model.weight.grad is None


def test_without_held_out_windows_the_last_recorded_ones_judge() -> None:
    run = QuadraticRun(0.3, steps=12, held_out=0)

    result = measured(run)

    assert "3 held-out windows" in result["method"]
    assert (len(run.windows), len(run.held_out)) == (12, 0)


def test_too_few_windows_are_no_measurement() -> None:
    assert "too few" in measured(QuadraticRun(0.3, steps=3, held_out=0))["skipped"]


class _Scheduled(QuadraticRun):
    """Something sets the rate behind the trial's back."""

    def update(self) -> Any:
        self.optimizer.param_groups[0]["lr"] = 1e-3
        return super().update()


class _Idle(QuadraticRun):
    """The optimizer's step does nothing, as accelerate's does between accumulated gradients."""

    def update(self) -> Any:
        self.optimizer.zero_grad()
        return super().update()


class _Deaf(QuadraticRun):
    """Parameters move, but not by the rate."""

    def update(self) -> Any:
        rate = self.optimizer.param_groups[0]["lr"]
        with torch.no_grad():
            self.model.weight += 0.1
        self.optimizer.zero_grad()
        return super().update()._replace(learning_rate=rate)


class _Adapting(QuadraticRun):
    """Prodigy's groups have their estimate of the distance."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.optimizer.param_groups[0]["d"] = 1e-6


class _Full(QuadraticRun):
    """Does not fit into memory from the first step."""

    def forward_backward(self, window: Any) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (_Scheduled(0.3), "something else sets it"),
        (_Idle(0.3), "No parameter moved"),
        (_Deaf(0.3), "gave the same curve"),
        (_Adapting(), "finds the learning rate itself"),
        (_Full(0.3), "does not fit into memory"),
        (QuadraticRun(0.0), "learning rate is 0"),
        (QuadraticRun(math.nan, steps=0, held_out=0), "too few"),
    ],
)
def test_a_trial_that_did_not_do_what_it_says_counts_for_nothing(run: Any, reason: str) -> None:
    result = measured(run)

    assert reason in result["skipped"]
    assert "trials" not in result


class _FullAbove(QuadraticRun):
    """Runs out of memory once the rate has been above a limit."""

    def forward_backward(self, window: Any) -> float:
        if self.optimizer.param_groups[0]["lr"] > 2.0:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward_backward(window)


def test_running_out_of_memory_in_a_trial_is_its_result() -> None:
    trials = measured(_FullAbove(0.3))["trials"]

    assert [trial["reason"] for trial in trials if trial["diverged"]] == ["out of memory"] * 2
    assert [trial["paired_delta"] for trial in trials if trial["diverged"]] == [None] * 2


def test_another_error_is_not_taken_for_a_result() -> None:
    class Broken(QuadraticRun):
        def forward_backward(self, window: Any) -> float:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        measured(Broken(0.3))


def test_a_budget_that_is_too_small_says_what_it_would_take() -> None:
    reason = measured(QuadraticRun(0.3), budget_seconds=0.0)["skipped"]

    assert reason.startswith("7 trials of ")


def test_fewer_trials_for_less_time() -> None:
    layout = importlib.import_module("qlint.runtime_probes.learning_rate.layout")

    counts = [layout.fitting(1.0, budget).trials for budget in (60, 20, 10, 8)]

    assert counts == [22, 15, 9, 7]
    assert layout.fitting(1.0, 5) is None


def judged(held_out: dict[float, tuple[float, float]], untrained: float = 1.1) -> Any:
    """The judgement of made-up trials: two seeds a multiple, the run's own repeated exactly."""
    trial = importlib.import_module("qlint.runtime_probes.learning_rate.trial").Trial
    judgement = importlib.import_module("qlint.runtime_probes.learning_rate.judgement")
    result = importlib.import_module("qlint.runtime_probes.learning_rate.result")
    trials = [
        trial(multiple, seed, (1.1, 1.0), loss, 0, None if math.isfinite(loss) else "not finite")
        for multiple, losses in held_out.items()
        for seed, loss in enumerate(losses)
    ]
    own = next(one for one in trials if one.multiple == 1.0)
    band = judgement.noise_band(trials, own)
    return result.LearningRate(judgement.judge(trials, 2e-4, untrained, band), band)


def test_a_higher_rate_that_holds_leaves_the_edge_undecided() -> None:
    result = judged({0.25: (1.0, 1.0), 1.0: (0.9, 0.9), 4.0: (5.0, 5.0), 16.0: (0.9, 0.9)})

    assert result.edge == pytest.approx(8e-4)
    assert not result.decided


@pytest.mark.parametrize(
    ("own", "higher", "broke"),
    [
        ((0.90, 0.91), (1.30, 1.30), True),
        ((0.90, 1.15), (1.30, 1.30), False),  # Trials of one rate differ by as much.
        ((0.90, 0.91), (1.30, 1.00), False),  # One seed is no evidence.
        ((0.90, 0.91), (1.13, 1.13), False),  # Above the noise, but a small part of the loss.
        ((0.90, 0.91), (math.inf, 1.00), True),  # What is not finite is no matter of noise.
    ],
)
def test_harm_must_exceed_the_noise_with_every_seed(
    own: tuple[float, float], higher: tuple[float, float], broke: bool
) -> None:
    result = judged({0.25: (1.0, 1.0), 1.0: own, 4.0: higher})

    assert (result.edge is not None) is broke
