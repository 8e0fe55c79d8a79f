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


class _Blunt(QuadraticRun):
    """Updates differ, but the loss is rounded to less than they make."""

    def forward_backward(self, window: Any) -> float:
        return round(super().forward_backward(window), 1)


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
        (_Deaf(0.3), "gave the same curve: the rate does not reach the update"),
        (_Blunt(1e-6), "gave the same curve: updates so small do not show"),
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


def test_running_out_of_memory_in_a_trial_says_nothing_about_its_rate() -> None:
    result = measured(_FullAbove(0.3))

    lost = [trial for trial in result["trials"] if not trial["seeds"]]
    assert [trial["multiple"] for trial in lost] == [8, 16]
    assert all(trial["reason"] == "out of memory" for trial in lost)
    assert not any(trial["diverged"] or trial["paired_delta"] is not None for trial in lost)
    assert result["edge"] is None


def test_another_error_is_not_taken_for_a_result() -> None:
    class Broken(QuadraticRun):
        def forward_backward(self, window: Any) -> float:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        measured(Broken(0.3))


def test_a_budget_that_is_too_small_says_what_it_would_take() -> None:
    reason = measured(QuadraticRun(0.3), budget_seconds=0.0)["skipped"]

    assert reason.startswith("7 trials of ")


class _Timed(QuadraticRun):
    """Its first trial takes ten seconds of its own clock, and each further one ``slower`` times
    that."""

    def __init__(self, learning_rate: float, slower: float = 1.0) -> None:
        super().__init__(learning_rate)
        self.now = 0.0
        self._slower = slower

    def monotonic(self) -> float:
        return self.now

    def forward_backward(self, window: Any) -> float:
        first_trial = self.now < 10 - 1e-6
        self.now += 10 / len(self.windows) * (1.0 if first_trial else self._slower)
        return super().forward_backward(window)


@pytest.mark.parametrize(
    ("budget", "trials", "seeds"), [(None, 22, 3), (1000, 22, 3), (170, 15, 2), (75, 7, 2)]
)
def test_what_the_budget_cuts_is_said(
    monkeypatch: pytest.MonkeyPatch, budget: float | None, trials: int, seeds: int
) -> None:
    probe = importlib.import_module("qlint.runtime_probes.learning_rate.probe")
    run = _Timed(0.3)
    monkeypatch.setattr(probe, "time", run)
    result = measured(run, budget_seconds=budget)

    assert {trial["seeds"] for trial in result["trials"]} == {seeds}
    if trials == 22:
        assert "cut" not in result
    else:
        limit = f"{budget:g} s together"
        assert result["cut"].startswith(f"{trials} trials instead of 22: one takes 10 s")
        assert result["cut"].endswith(limit)


def test_trials_that_take_longer_than_the_first_end_with_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = importlib.import_module("qlint.runtime_probes.learning_rate.probe")
    told: list[str] = []
    for slower, expected in ((1.3, "15 trials instead of 22"), (3.0, "over before 2 seeds")):
        run = _Timed(0.3, slower)
        monkeypatch.setattr(probe, "time", run)
        result = measured(run, budget_seconds=230, tell=told.append)
        assert expected in (result.get("cut") or result["skipped"])
    assert "trial 4 of 22, lr 1.5e-1" in told


def test_the_edge_lies_between_what_held_and_what_broke() -> None:
    result = measured(QuadraticRun(0.3))

    held, broke = result["edge_between"]
    assert (held, broke) == (pytest.approx(2.4), pytest.approx(4.8))
    assert held < EDGE < broke
    assert measured(QuadraticRun(0.01))["edge_between"] is None


def test_each_paired_difference_has_its_range_over_seeds() -> None:
    result = judged({0.25: (1.0, 1.1), 1.0: (0.9, 0.8), 4.0: (0.7, math.inf)}).as_json()

    assert [trial["paired_range"] for trial in result["trials"]] == [
        [0.0, 0.0],
        [pytest.approx(-0.3), pytest.approx(-0.1)],
        None,
    ]


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


def test_the_table_of_verdicts_names_the_limits_in_force() -> None:
    judgement = importlib.import_module("qlint.runtime_probes.learning_rate.judgement")
    table = importlib.import_module("qlint.runtime_probes.verdicts").TABLE
    words = next(row.noise for row in table if row.code == "QL101")

    assert f"the A/A band and {judgement.HARM * 100:g} % of it" in words
    assert judgement.RISE == 0.5
    assert "rises by half of it" in words
