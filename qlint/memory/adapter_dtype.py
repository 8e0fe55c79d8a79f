"""The dtype in which adapters are trained: float32, but for two cases."""

from __future__ import annotations

from qlint.memory.answers import before
from qlint.memory.job import Precision
from qlint.recipe import Recipe

_BFLOAT16_FROM = {
    "SFTTrainer": (0, 26),
    "RewardTrainer": (0, 26),
    "GRPOTrainer": (0, 26),
    "RLOOTrainer": (0, 27),
    "DPOTrainer": (0, 29),
    "KTOTrainer": (1, 8),
}
"""Releases of TRL from which a trainer casts what it trains over a quantised base, but for DoRA's
magnitudes, to bfloat16, as the QLoRA paper did (``param.data.to(torch.bfloat16)`` in
``trl/trainer/*_trainer.py``, read in the wheels from 0.4.7 to 1.16.0)."""


def adapter_dtype(recipe: Recipe, quantised: bool, loaded: Precision) -> Precision:
    """The dtype of adapters, and so of their gradients, over a base that is ``loaded`` in a dtype.

    PEFT 0.7 to 0.11 over a base of floating-point numbers takes the dtype of that (``update_layer``
    in ``peft/tuners/lora/layer.py``); else it casts to float32 (``autocast_adapter_dtype``).
    """
    trainer = str(recipe.value("trainer") or "").rsplit(".", 1)[-1]
    since = _BFLOAT16_FROM.get(trainer) if recipe.framework != "unsloth" else None
    if quantised and since is not None and not before(recipe, "trl", *since, otherwise=True):
        return "bfloat16"
    takes_over = before(recipe, "peft", 0, 12) and not before(recipe, "peft", 0, 7)
    return loaded if takes_over and not quantised else "float32"
