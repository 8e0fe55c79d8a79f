"""The recipe to use on one card: lean, known to train, and made to fit."""

from __future__ import annotations

from qlint.knowledge.models import Model
from qlint.memory.job import Job
from qlint.memory.linear_roles import Role, role_of
from qlint.planning.fitting import Predict
from qlint.records import replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    from qlint.recipe import Json

LEARNING_RATE = 1e-4
"""The upper end of QL101's range for QLoRA, 5e-5 to 1e-4."""
LORA_ALPHA = 16
MAX_GRAD_NORM = 0.3
"""The QLoRA authors' value."""
_LENGTHS = (1024, 512, 256)
_ACCUMULATION = 16


def recommend(
    model: Model, usable_bytes: int, predict: Predict, *, bfloat16: bool = True, cards: int = 1
) -> Job:
    """NF4 with double quantisation, r 8 on q, k and v, 8-bit AdamW, micro-batch 1, checkpointing.

    The sequence is the longest of 1024, 512 and 256 tokens that fits ``usable_bytes`` even at the
    upper end of the error band; where none does, the job with 256 tokens is returned. ``bfloat16``
    says whether the card computes in it. With several ``cards`` it is enough to fit in one of the
    ways to share them.
    """
    precision: Literal["bfloat16", "float16"] = "bfloat16" if bfloat16 else "float16"
    job = Job(
        model=model,
        per_device_train_batch_size=1,
        max_seq_length=_LENGTHS[0],
        double_quant=True,
        compute_dtype=precision,
        base_dtype=precision,
        lora_r=8,
        lora_dropout=0.05,
        target_modules=query_key_value(model),
        autocast=precision,
        optim="adamw_8bit",
        max_grad_norm=MAX_GRAD_NORM,
        gradient_accumulation_steps=_ACCUMULATION,
        gradient_checkpointing=True,
    )
    for length in _LENGTHS:
        job = replace(job, max_seq_length=length)
        if _most_needed(job, usable_bytes, predict, cards) <= usable_bytes:
            break
    return job


def _most_needed(job: Job, usable_bytes: int, predict: Predict, cards: int) -> int:
    if cards == 1:
        return predict(job).most_needed_bytes
    from qlint.planning.strategies import strategies

    shared = strategies(job, cards, usable_bytes, predict)
    return min(one.prediction.most_needed_bytes for one in shared)


def query_key_value(model: Model) -> tuple[str, ...]:
    """The names of the modules that make queries, keys and values, as ``target_modules`` takes."""
    names = [linear.name.rpartition(".")[2] for linear, _ in model.linears]
    chosen = [name for name in names if role_of(name)[0] is Role.QKV]
    return tuple(dict.fromkeys(chosen))


def recipe_fields(job: Job) -> dict[str, Json]:
    """A recommended job as recipe fields, with the hyper-parameters that take no memory."""
    targets = job.target_modules
    return {
        "quant_method": job.quant_method,
        "load_in_4bit": job.load_in_4bit,
        "quant_type": job.quant_type,
        "double_quant": job.double_quant,
        "compute_dtype": job.compute_dtype,
        "lora_r": job.lora_r,
        "lora_alpha": LORA_ALPHA,
        "lora_dropout": job.lora_dropout,
        "target_modules": targets if isinstance(targets, str) else list(targets),
        "learning_rate": LEARNING_RATE,
        "optim": job.optim,
        "max_grad_norm": job.max_grad_norm,
        "per_device_train_batch_size": job.per_device_train_batch_size,
        "gradient_accumulation_steps": job.gradient_accumulation_steps,
        "num_train_epochs": 1,
        "gradient_checkpointing": job.gradient_checkpointing,
        "max_seq_length": job.max_seq_length,
        "bf16": job.autocast == "bfloat16",
        "fp16": job.autocast == "float16",
        "model_name": job.model.id,
    }
