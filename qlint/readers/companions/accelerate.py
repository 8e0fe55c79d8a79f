"""The configuration of ``accelerate launch``: processes, mixed precision, DeepSpeed and FSDP.

`accelerate launch` hands it on in environment variables (accelerate 1.15.0, utils/launch.py). What
the script asks for itself wins: TrainingArguments' `bf16` and `fp16` over `mixed_precision`
(transformers 5.9.0, training_args.py), and so does an argument of `Accelerator`. The processes are
known before the script is read; they come in as WORLD_SIZE.
"""

from __future__ import annotations

from qlint.readers.companions import deepspeed
from qlint.readers.companions.merging import Merging, is_on
from qlint.recipe import Companion, Field, Origin, State

_STRATEGIES = ("deepspeed", "fsdp", "megatron", "xla")
_PRECISIONS = ("bf16", "fp16")
_OURS_WIN = "the run's own setting wins over that of accelerate launch"
DECIDES = ("distributed", "bf16", "fp16")
"""Fields that are not known where the file is not."""


def merge(merging: Merging, companion: Companion, *named: Origin) -> None:
    """Merge the file, with the options of the command in it; ``named`` is how the run gets it."""
    _precision(merging, companion, *named)
    kind = companion.fields.get("distributed")
    if kind is not None and (kind.value in _STRATEGIES or kind.state is State.UNKNOWN):
        merging.put("distributed", kind, *named)
    if (
        kind is not None
        and kind.value == "deepspeed"
        and not companion.facts.get("deepspeed_config_file")
    ):
        _deepspeed(merging, companion, *named)
    checkpointing = companion.fields.get("gradient_checkpointing")
    if kind is not None and kind.value == "fsdp" and is_on(checkpointing):
        merging.take("gradient_checkpointing", companion, *named)


def _precision(merging: Merging, companion: Companion, *named: Origin) -> None:
    wanted = next((name for name in _PRECISIONS if is_on(companion.fields.get(name))), None)
    if wanted is None:
        return
    ours = {name: merging.field(name) for name in _PRECISIONS}
    if any(is_on(field) for field in ours.values()):
        other = "fp16" if wanted == "bf16" else "bf16"
        if is_on(ours[other]) and not is_on(ours[wanted]):
            merging.conflict(wanted, companion, _OURS_WIN)
        return
    if all(field.state is not State.UNKNOWN for field in ours.values()):
        merging.take(wanted, companion, *named)


def _deepspeed(merging: Merging, companion: Companion, *named: Origin) -> None:
    """``deepspeed_config`` of the file, or ``--use_deepspeed``: it becomes a DeepSpeed file."""
    own = {
        name: field
        for name in ("gradient_accumulation_steps", "max_grad_norm")
        if (field := companion.fields.get(name)) is not None and field.known
    }
    decided = companion.fields["distributed"]
    made = Companion(
        "deepspeed", companion.source, {**own, "distributed": decided}, companion.facts
    )
    deepspeed.merge(merging, made, *named)


def chained(companion: Companion) -> Field | None:
    """The DeepSpeed file that the configuration names."""
    named = companion.facts.get("deepspeed_config_file")
    kind = companion.fields.get("distributed")
    if named is None or (kind is not None and kind.known and kind.value != "deepspeed"):
        return None
    return named
