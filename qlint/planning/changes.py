"""What a run can change to take less memory, from what has no known cost to what costs most.

Each change says what it does to the job, what it costs in quality and in speed, and where that is
known from. None of them is a matter of taste: the order is that of the costs.
"""

from __future__ import annotations

from collections.abc import Callable

from qlint.memory.job import Job, Loss
from qlint.records import Record, replace

NOTHING = "nothing"


class Change(Record):
    """One change: ``apply`` gives the changed job, or None where there is nothing to change.

    ``quality`` and ``speed`` are what it costs, each with its source, or :data:`NOTHING`; ``free``
    says why a change that costs neither is thought to.
    """

    name: str
    apply: Callable[[Job], Job | None]
    quality: str = NOTHING
    speed: str = NOTHING
    free: str = ""

    @property
    def cost(self) -> str:
        """The cost in a phrase."""
        if self.free:
            return f"none known: {self.free}"
        parts = [
            f"{what}: {cost}"
            for what, cost in (("quality", self.quality), ("speed", self.speed))
            if cost != NOTHING
        ]
        return "; ".join(parts)


def _attention(job: Job) -> Job | None:
    if job.attn_implementation != "eager":
        return None
    return replace(job, attn_implementation="sdpa")


def _eight_bit(job: Job) -> Job | None:
    names = {
        "adamw_torch": "adamw_8bit",
        "adamw_torch_fused": "adamw_8bit",
        "adamw_hf": "adamw_8bit",
        "adamw_apex_fused": "adamw_8bit",
        "paged_adamw": "paged_adamw_8bit",
        "paged_adamw_32bit": "paged_adamw_8bit",
        "lion_32bit": "lion_8bit",
        "paged_lion_32bit": "paged_lion_8bit",
        "rmsprop": "rmsprop_bnb_8bit",
        "rmsprop_bnb": "rmsprop_bnb_8bit",
        "torch.optim.AdamW": "bitsandbytes.optim.AdamW8bit",
        "torch.optim.Adam": "bitsandbytes.optim.Adam8bit",
        "bitsandbytes.optim.AdamW": "bitsandbytes.optim.AdamW8bit",
        "bitsandbytes.optim.AdamW32bit": "bitsandbytes.optim.AdamW8bit",
        "bitsandbytes.optim.PagedAdamW": "bitsandbytes.optim.PagedAdamW8bit",
        "bitsandbytes.optim.PagedAdamW32bit": "bitsandbytes.optim.PagedAdamW8bit",
    }
    return replace(job, optim=names[job.optim]) if job.optim in names else None


def _not_reentrant(job: Job) -> Job | None:
    """It keeps no layer's result, and lets FSDP drop inputs and their gradients on the way."""
    if not (job.gradient_checkpointing and job.use_reentrant):
        return None
    return replace(job, use_reentrant=False)


def _fused_loss(job: Job) -> Job | None:
    return None if job.loss is Loss.FUSED else replace(job, loss=Loss.FUSED)


def _no_upcast(job: Job) -> Job | None:
    return replace(job, kbit_prepare=False) if job.kbit_prepare else None


def _double_quant(job: Job) -> Job | None:
    if not job.load_in_4bit or job.double_quant:
        return None
    return replace(job, double_quant=True)


def _checkpointing(job: Job) -> Job | None:
    return None if job.gradient_checkpointing else replace(job, gradient_checkpointing=True)


def _half_batch(job: Job) -> Job | None:
    batch = job.per_device_train_batch_size
    if batch < 2:
        return None
    accumulation = job.gradient_accumulation_steps * -(-batch // (batch // 2))
    return replace(
        job, per_device_train_batch_size=batch // 2, gradient_accumulation_steps=accumulation
    )


def _four_bits(job: Job) -> Job | None:
    if job.load_in_4bit or job.lora_r is None:
        return None
    return replace(
        job,
        quant_method="bitsandbytes",
        load_in_4bit=True,
        load_in_8bit=False,
        double_quant=True,
        compute_dtype=job.autocast or job.base_dtype,
    )


def _no_saved_modules(job: Job) -> Job | None:
    return replace(job, modules_to_save=()) if job.modules_to_save else None


def _small_rank(job: Job) -> Job | None:
    return replace(job, lora_r=8) if job.lora_r is not None and job.lora_r > 8 else None


def _half_length(job: Job) -> Job | None:
    if job.max_seq_length < 256:
        return None
    return replace(job, max_seq_length=job.max_seq_length // 2)


CHANGES: tuple[Change, ...] = (
    Change(
        "attention without its matrix (sdpa)",
        _attention,
        free="the same function, without rounding weights to 16 bits in between",
    ),
    Change(
        "8-bit optimizer state",
        _eight_bit,
        free="8-bit Adam matched 32-bit on every task of its paper (arXiv 2110.02861)",
    ),
    Change(
        "no float32 copy of norms and embeddings (kbit preparation off)",
        _no_upcast,
        free="norms compute in float32 by themselves, and none of it is trained",
    ),
    Change(
        "checkpointing with use_reentrant=False",
        _not_reentrant,
        free="PyTorch's own recommendation; the same layers are recomputed",
    ),
    Change(
        "loss without full logits (use_liger_kernel)",
        _fused_loss,
        free="the same loss, in chunks",
    ),
    Change(
        "double quantisation",
        _double_quant,
        speed="about 2 to 4 % of the step (litgpt: 3.83 against 3.68 min)",
    ),
    Change(
        "gradient checkpointing",
        _checkpointing,
        speed="25 to 30 % longer steps (torchtune -21 % tokens/s, PEFT 29 against 38 s)",
    ),
    Change(
        "half the micro-batch, twice the accumulation",
        _half_batch,
        speed="4-bit weights are dequantised for each micro-step (litgpt: QLoRA costs 8 to 19 % "
        "over LoRA at 4, 37 to 44 % at 2, about 100 % at 1)",
    ),
    Change(
        "no modules trained in full (modules_to_save)",
        _no_saved_modules,
        quality="new tokens are not learnt",
    ),
    Change(
        "base in 4 bits (NF4 with double quantisation)",
        _four_bits,
        quality="none found by the QLoRA paper with adapters on all layers",
        speed="8 to 100 % longer steps, most at micro-batch 1 (litgpt)",
    ),
    Change(
        "rank 8",
        _small_rank,
        quality="less capacity; the QLoRA paper finds no effect of the rank",
    ),
    Change(
        "half the sequence length",
        _half_length,
        quality="longer examples are cut",
    ),
)
"""In the order of their costs: those without a known one, then speed, then quality."""
