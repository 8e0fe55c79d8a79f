"""The method is read from the trainer's name, and never guessed."""

from __future__ import annotations

import pytest
from recipe_building import ABSENT, UNKNOWN, recipe

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
