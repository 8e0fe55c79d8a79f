"""A DeepSpeed configuration in a run: what it decides, and where it must agree with the run.

With a trainer of transformers "auto" takes the trainer's argument, and every other value must be
equal to it: `HfTrainerDeepSpeedConfig.trainer_config_process` collects the differences and
`trainer_config_finalize` raises (transformers 5.9.0, integrations/deepspeed.py). An optimizer or a
scheduler in the file takes the place of the trainer's. In a loop of one's own
`deepspeed.initialize` goes by the file.
"""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.companions.merging import Merging, differs
from qlint.readers.frameworks.processes import effective_batch
from qlint.recipe import Companion, Field, Origin, State

_MATCHED = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "effective_batch_size",
    "max_grad_norm", "learning_rate", "weight_decay", "bf16", "fp16",
)  # fmt: skip
_REFUSED = (
    "transformers refuses to start with DeepSpeed values that mismatch TrainingArguments; "
    'write "auto" there'
)
_SAME_OPTIMIZER = {"adamw": ("adamw_torch", "adamw_hf", "adamw_torch_fused", "adamw"),
                   "adam": ("adamw_torch", "adamw_hf", "adamw_torch_fused")}  # fmt: skip
_SAME_SCHEDULER = {"WarmupLR": "constant_with_warmup", "WarmupDecayLR": "linear",
                   "WarmupCosineLR": "cosine"}  # fmt: skip


def merge(merging: Merging, companion: Companion, *named: Origin) -> None:
    """Merge the file into the run; ``named`` is how the run comes to it."""
    _distributed(merging, companion, *named)
    if not merging.by_trainer:
        _loop(merging, companion, *named)
        return
    for name in _MATCHED:
        theirs = companion.fields.get(name)
        if theirs is not None and differs(theirs, merging.field(name)):
            merging.conflict(name, companion, _REFUSED)
    optimizer = companion.fields.get("optim")
    if optimizer is not None and optimizer.known:
        ours = merging.field("optim")
        same = _SAME_OPTIMIZER.get(str(optimizer.value).lower(), ())
        if ours.state is State.SET and ours.value not in same:
            merging.conflict("optim", companion, "DeepSpeed's optimizer is used, optim is ignored")
        merging.put("optim", optimizer, *named)
    scheduler = companion.fields.get("lr_scheduler_type")
    if scheduler is not None and scheduler.known:
        ours = merging.field("lr_scheduler_type")
        if ours.state is State.SET and _SAME_SCHEDULER.get(str(scheduler.value)) != ours.value:
            merging.conflict(
                "lr_scheduler_type", companion, "DeepSpeed's scheduler is used, the other ignored"
            )
        merging.put("lr_scheduler_type", scheduler, *named)


def _distributed(merging: Merging, companion: Companion, *named: Origin) -> None:
    found = companion.fields["distributed"]
    stage = companion.facts.get("zero_stage")
    if stage is not None and stage.known:
        place = stage.origin[0] if stage.origin else Origin(companion.source.path)
        found = Field(State.SET, "deepspeed", (replace(place, via=f"ZeRO stage {stage.value}"),))
    merging.put("distributed", found, *named)


def _loop(merging: Merging, companion: Companion, *named: Origin) -> None:
    """A loop of one's own: the engine goes by the file."""
    for name, theirs in companion.fields.items():
        if name == "distributed" or not theirs.known:
            continue
        ours = merging.field(name)
        if ours.state is State.SET:
            if differs(theirs, ours):
                merging.conflict(name, companion, "DeepSpeed goes by its own configuration")
        else:
            merging.put(name, theirs, *named)
    if "effective_batch_size" not in companion.fields:
        merging.fields["effective_batch_size"] = effective_batch(merging.fields)
