"""Trainers that generate what they train on are recorded at their loss."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_runs
from test_replay import captured, replayed

pytestmark = pytest.mark.slow
STEPS = 3
COMPLETION = 8


def reward(completions: Any, **_: Any) -> list[float]:
    """Never the same for two answers to a prompt, of which nothing would be learnt."""
    return [float(number) for number, _ in enumerate(completions)]


def online_trainer(name: str, folder: Path, long_prompt: str = "w1 w2") -> Any:
    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer

    arguments = tiny_runs.settings(
        folder,
        gradient_accumulation_steps=2,
        num_generations=2,
        max_completion_length=COMPLETION,
        beta=0.1,
    )
    # With this seed the long one is not among those that are recorded.
    prompts = [f"w{row} w2" for row in range(39)] + [long_prompt]
    return getattr(trl, f"{name}Trainer")(
        model=tiny_runs.quantised_model(folder),
        reward_funcs=reward,
        args=getattr(trl, f"{name}Config")(**arguments),
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        peft_config=tiny_runs.adapter(),
    )


@pytest.mark.parametrize("name", ["GRPO", "RLOO"])
def test_replay_repeats_the_loss_without_generating(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = online_trainer(name, project)
    expected = losses_of(trainer, monkeypatch, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()

    trainer = online_trainer(name, project)
    run = captured(trainer, STEPS)
    monkeypatch.setattr(trainer, "_generate_and_score_completions", None)
    seen = losses_of(trainer, monkeypatch)
    state = run.save()
    first = replayed(run)
    state.restore()
    second = replayed(run)

    assert [len(window.inputs) for window in run.windows] == [2] * STEPS
    assert seen[:2] == pytest.approx(expected, abs=1e-5)
    # Answers of one length cancel out until the first update.
    assert len(set(seen)) > 1
    assert second == first
    assert isinstance(run.evaluate(run.windows[0]), float)
    assert "generates its own data" in run.no_learning_rate


@pytest.mark.parametrize("name", ["GRPO", "RLOO"])
def test_memory_is_that_of_prompts_and_completions_at_their_limits(
    name: str, project: Path
) -> None:
    import torch

    trainer = online_trainer(name, project, " ".join(f"w{word}" for word in range(60)))
    run = captured(trainer, STEPS)
    recorded = run.windows[0].inputs[0]
    before = [parameter.detach().clone() for parameter in run.model.parameters()]

    probe = importlib.import_module("qlint.runtime_probes.activations.probe")
    found = probe.measure(run).as_json()

    batch = found["batch"]
    assert (batch["rows"], batch["length"]) == (2, 60 + COMPLETION)
    assert recorded["prompt_ids"].shape[1] < 60
    assert "the longest prompt of 40 rows of the dataset" in batch["source"]
    assert found["noise"] == 0
    assert found["cross_check"]["peak_bytes"] == pytest.approx(found["peak_bytes"], rel=0.02)
    points = {(one["rows"], one["length"]): one["peak_bytes"] for one in found["scaling"]["points"]}
    whole = 60 + COMPLETION
    assert points[2, whole] > points[2, whole // 2] > points[2, whole // 4]
    assert points[1, whole] < points[2, whole]
    assert found["evaluation"]["peak_bytes"] < found["peak_bytes"]
    assert found["checkpointing"]["off"]["peak_bytes"] > found["checkpointing"]["on"]["peak_bytes"]
    # All prompts of a step are asked at once.
    assert found["generation"]["peak_bytes"] > 0
    assert all(map(torch.equal, before, run.model.parameters()))
    assert len(replayed(run)) == STEPS


def losses_of(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None
) -> list[float]:
    """The losses of micro-batches that the trainer will compute."""
    losses: list[float] = []
    original = trainer.compute_loss

    def compute_loss(*arguments: Any, **named: Any) -> Any:
        loss = original(*arguments, **named)
        losses.append(float(loss))
        if len(losses) == stop_after:
            raise KeyboardInterrupt
        return loss

    monkeypatch.setattr(trainer, "compute_loss", compute_loss)
    return losses
