"""How a recipe spreads its run over processes, as a job says it."""

from __future__ import annotations

from typing import Any

from qlint.memory.answers import Answers
from qlint.memory.job import Distribution
from qlint.recipe import State

DISTRIBUTION = {
    "ddp": Distribution.DDP,
    "fsdp": Distribution.FSDP,
    "deepspeed": Distribution.ZERO2,
    "zero1": Distribution.ZERO1,
    "zero2": Distribution.ZERO2,
    "zero3": Distribution.ZERO3,
}
_STAGES = {
    0: Distribution.DDP,
    1: Distribution.ZERO1,
    2: Distribution.ZERO2,
    3: Distribution.ZERO3,
}


def processes_of(answers: Answers) -> dict[str, Any]:
    """The fields of a job that say how many processes share what."""
    distributed = _distribution(answers)
    if distributed is Distribution.SINGLE:
        return {"distributed": distributed}
    recipe = answers.recipe
    fields: dict[str, Any] = {
        "distributed": distributed,
        "world_size": answers.whole("world_size", 2),
    }
    if distributed is Distribution.FSDP:
        fields["fsdp_version"] = 2 if str(recipe.fact("fsdp_version")) == "2" else 1
        fields["offload_parameters"] = recipe.fact("fsdp_offload_params") is True
        fields["offload_optimizer"] = fields["offload_parameters"]
    elif distributed is not Distribution.DDP:
        fields["offload_optimizer"] = recipe.fact("offload_optimizer") in ("cpu", "nvme")
        fields["offload_parameters"] = recipe.fact("offload_param") in ("cpu", "nvme")
    return fields


def _distribution(answers: Answers) -> Distribution:
    name = answers.text("distributed")
    if name == "deepspeed":
        stage = answers.recipe.fact("zero_stage")
        if type(stage) is int and stage in _STAGES:
            return _STAGES[stage]
        answers.assume("distributed", "zero2", "the stage stands in DeepSpeed's configuration")
    if name in DISTRIBUTION:
        return DISTRIBUTION[name]
    unknown = answers.recipe["distributed"].state is State.UNKNOWN
    if unknown or name not in (None, "none"):
        why = f"{name!r} is not modelled" if name else answers.reason("distributed")
        answers.assume("distributed", "none", why)
    return Distribution.SINGLE
