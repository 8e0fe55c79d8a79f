"""What a trainer optimises, as far as the name of its class tells."""

from __future__ import annotations

import re
from enum import Enum

from qlint.recipe import Recipe, State


class Method(str, Enum):
    """A training method with learning rates of its own scale."""

    SFT = "sft"
    DPO = "dpo"
    ORPO = "orpo"
    KTO = "kto"
    GRPO = "grpo"
    PPO = "ppo"
    REWARD = "reward"


_BY_WORD = {
    "DPO": Method.DPO,
    "IPO": Method.DPO,
    "XPO": Method.DPO,
    "NashMD": Method.DPO,
    "ORPO": Method.ORPO,
    "CPO": Method.ORPO,
    "SimPO": Method.ORPO,
    "KTO": Method.KTO,
    "BCO": Method.KTO,
    "GRPO": Method.GRPO,
    "RLOO": Method.GRPO,
    "PPO": Method.PPO,
    "Reward": Method.REWARD,
    "PRM": Method.REWARD,
}
_WORD = re.compile("|".join(sorted(_BY_WORD, key=len, reverse=True)))
_BY_LOWER_WORD = {word.lower(): method for word, method in _BY_WORD.items()}


_PLAIN = ("sft", "pt", "generic", "default")
"""What configurations call next-token training."""


def method_of(recipe: Recipe) -> Method | None:
    """The method of this run; None where the trainer is known only at run time.

    A trainer with no telling word in its name, or none at all (a hand-written loop), minimises a
    next-token loss and counts as SFT.
    """
    trainer = recipe["trainer"]
    if trainer.state is State.UNKNOWN:
        return None
    if not trainer.known:
        return _of_configuration(recipe)
    name = str(trainer.value)
    # In lower case only the whole name counts: there is a "ppo" in "support".
    match = _WORD.search(name)
    return _BY_WORD[match[0]] if match else _BY_LOWER_WORD.get(name, Method.SFT)


def _of_configuration(recipe: Recipe) -> Method | None:
    """What a configuration says in words (``rl: kto``), None where the word is not known."""
    said = recipe.facts.get("method")
    if said is None:
        return Method.SFT
    word = str(said.value).lower() if said.known else ""
    return Method.SFT if word in _PLAIN else _BY_LOWER_WORD.get(word)
