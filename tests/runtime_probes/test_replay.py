"""Replayed steps are the steps that the uninterrupted run would have taken."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_preferences
import tiny_runs

pytestmark = pytest.mark.slow
TRAINERS = [
    tiny_runs.plain_trainer,
    tiny_runs.sft_trainer,
    tiny_runs.dpo_trainer,
    tiny_preferences.kto_trainer,
    tiny_preferences.orpo_trainer,
    tiny_preferences.cpo_trainer,
    tiny_preferences.reward_trainer,
]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tiny_runs.prepare(folder)
    return folder


def captured(trainer: Any, steps: int = tiny_runs.STEPS) -> Any:
    module = importlib.import_module("qlint.runtime_probes.capture.trainers")
    return module.record(trainer, type(trainer).train, steps, 0)


def replayed(run: Any) -> list[float]:
    losses = []
    for window in run.windows:
        losses.append(run.forward_backward(window))
        run.update()
    return losses


def uninterrupted(trainer: Any) -> list[float]:
    """Train to the end; the loss of each optimizer step, before any rounding of logs."""
    losses: list[float] = []
    original = trainer.training_step

    def training_step(*arguments: Any) -> Any:
        loss = original(*arguments)
        losses.append(float(loss))
        return loss

    trainer.training_step = training_step
    trainer.train()
    each = tiny_runs.ACCUMULATION
    return [sum(losses[at : at + each]) for at in range(0, len(losses), each)]


@pytest.mark.parametrize("build", TRAINERS)
def test_replay_repeats_the_uninterrupted_run(build: Any, material: Path) -> None:
    expected = uninterrupted(build(material))

    run = captured(build(material))
    state = run.save()
    first = replayed(run)
    state.restore()
    second = replayed(run)

    assert len(first) == tiny_runs.STEPS
    assert first == pytest.approx(expected, abs=1e-5)
    assert second == first
    assert len(set(first)) > 1


@pytest.mark.parametrize("build", [tiny_runs.plain_trainer, tiny_runs.sft_trainer])
def test_rates_are_tried_whatever_the_trainers_schedule_says(build: Any, material: Path) -> None:
    probe = importlib.import_module("qlint.runtime_probes.learning_rate.probe")
    run = captured(build(material), steps=8)
    before = (run.optimizer.param_groups[0]["lr"], run.trainer.state.global_step)

    result = probe.measure(run, steps=5).as_json()

    tried = [trial["lr"] for trial in result["trials"]]
    assert tried == pytest.approx([1e-3 * 2.0**power for power in range(-2, 5)])
    assert all(trial["paired_delta"] for trial in result["trials"][1:])
    assert (run.optimizer.param_groups[0]["lr"], run.trainer.state.global_step) == before


def test_a_schedule_that_waits_for_a_plateau_is_left_to_evaluations(material: Path) -> None:
    schedule = {"lr_scheduler_type": "reduce_lr_on_plateau", "eval_strategy": "steps"}
    trainer = tiny_runs.plain_trainer(material, **schedule)
    run = captured(trainer, steps=3)
    assert len(set(replayed(run))) == 3
