"""The generation of a run that generates while it trains: for its evaluation, or for its data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

from ..replay.device import device_of
from ..replay.modes import evaluating
from ..replay.run import Run
from .steps import Enter, Work

_MOST_SECONDS = 60.0
NEVER = "the run does not generate while it trains"


class NothingGenerated(Exception):
    """Why there is no generation to measure."""


def generation(run: Run, inputs: Any, seconds: float = _MOST_SECONDS) -> Work:
    """Generate from the prompts of ``inputs`` as the run's trainer does: an online trainer from
    those of several micro-batches at once.

    Raises NothingGenerated where it does not, or another program does it; the work raises it where
    it takes longer than ``seconds``, or than a minute.
    """
    trainer: Any = getattr(run, "trainer", None)
    settings = _settings(trainer)
    batches = getattr(trainer.args, "steps_per_generation", None) or 1
    seconds = min(seconds, _MOST_SECONDS)
    ids, mask = (_moved(one, device_of(run), batches) for one in _prompts(inputs))

    def work(enter: Enter) -> None:
        enter("forward")
        model = trainer.accelerator.unwrap_model(run.model)
        end = time.monotonic() + seconds
        with evaluating(run.model):
            model.generate(input_ids=ids, attention_mask=mask, max_time=seconds, **settings)
        if time.monotonic() > end:
            raise NothingGenerated(f"it took longer than {seconds:.0f} s")

    return work


def _settings(trainer: Any) -> dict[str, Any]:
    arguments = getattr(trainer, "args", None)
    if getattr(arguments, "use_vllm", False):
        raise NothingGenerated("another program generates (vLLM)")
    own = getattr(trainer, "generation_config", None)  # Online trainers of TRL.
    if own is not None:
        return {"generation_config": own}
    if not getattr(arguments, "predict_with_generate", False):
        raise NothingGenerated(NEVER)
    chosen = {
        "max_length": getattr(arguments, "generation_max_length", None),
        "num_beams": getattr(arguments, "generation_num_beams", None),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _moved(value: Any, device: torch.device, times: int) -> Any:
    """All rows ``times`` times on ``device``."""
    return torch.cat([value] * times).to(device) if isinstance(value, torch.Tensor) else value


def _prompts(inputs: Any) -> tuple[torch.Tensor, Any]:
    if isinstance(inputs, Mapping):
        for prefix, mask in (("prompt_ids", "prompt_mask"), ("input_ids", "attention_mask")):
            if isinstance(inputs.get(prefix), torch.Tensor):
                return inputs[prefix], inputs.get(mask)
    raise NothingGenerated("the recorded inputs hold no prompts")
