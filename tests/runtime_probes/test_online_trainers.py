"""Trainers that generate what they train on are recorded at their loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")
pytest.importorskip("trl")

import tiny_runs
from test_replay import captured, replayed

pytestmark = pytest.mark.slow
STEPS = 3


def reward(completions: Any, **_: Any) -> list[float]:
    return [float(len(set(completion.split()))) for completion in completions]


def online_trainer(name: str, folder: Path) -> Any:
    import trl
    from datasets import Dataset
    from transformers import AutoTokenizer

    arguments = tiny_runs.settings(
        folder, gradient_accumulation_steps=2, num_generations=2, max_completion_length=8, beta=0.1
    )
    return getattr(trl, f"{name}Trainer")(
        model=tiny_runs.quantised_model(folder),
        reward_funcs=reward,
        args=getattr(trl, f"{name}Config")(**arguments),
        train_dataset=Dataset.from_list([{"prompt": f"w{row} w2"} for row in range(40)]),
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
    assert seen[0] != seen[1]
    assert second == first
    assert isinstance(run.evaluate(run.windows[0]), float)
    assert "generates its own data" in run.no_learning_rate


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
