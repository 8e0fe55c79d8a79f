"""The method is read from the trainer's name, and never guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recipe_building import ABSENT, UNKNOWN, recipe, written

from qlint.rulebook.training_method import Method, method_of


@pytest.mark.parametrize(
    ("trainer", "method"),
    [
        ("SFTTrainer", Method.SFT),
        ("Trainer", Method.SFT),
        ("SupportTrainer", Method.SFT),
        ("dpo", Method.DPO),
        ("OnlineDPOTrainer", Method.DPO),
        ("CPOTrainer", Method.ORPO),
        ("RLOOTrainer", Method.GRPO),
        ("PPOTrainer", Method.PPO),
        ("KTOTrainer", Method.KTO),
        ("RewardTrainer", Method.REWARD),
        (ABSENT, Method.SFT),
        (UNKNOWN, None),
    ],
)
def test_method(trainer: object, method: Method | None) -> None:
    assert method_of(recipe(trainer=trainer)) is method


@pytest.mark.parametrize(
    ("said", "method"),
    [
        ("kto", Method.KTO),
        ("dpo", Method.DPO),
        ("simpo", Method.ORPO),
        ("ppo", Method.PPO),
        ("sft", Method.SFT),
        ("pt", Method.SFT),
        ("something new", None),
    ],
)
def test_method_of_a_configuration(said: str, method: Method | None) -> None:
    configured = replace(recipe(trainer=ABSENT), facts={"method": written(said)})
    assert method_of(configured) is method
    assert method_of(replace(configured, facts={"method": UNKNOWN})) is None
