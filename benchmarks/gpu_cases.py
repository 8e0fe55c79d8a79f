"""What ``gpu_check.py`` runs: shapes of models, and settings of a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from qlint.knowledge.configurations import from_config
from qlint.knowledge.models import Model, find_model
from qlint.memory.job import Job

QV = ("q_proj", "v_proj")
QKV = ("q_proj", "k_proj", "v_proj")
ALL = "all-linear"
OPTIMIZERS = ("adamw_torch", "adamw_8bit", "paged_adamw_8bit")

LARGE = "llama-2-7b"
SIZES = ("tinyllama-1.1b", "llama-3.2-3b", LARGE)
"""Two with 32 000 words and one with 128 256."""
TINY: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "tie_word_embeddings": False,
}
"""What a dry run takes in the place of every shape."""


@dataclass(frozen=True, slots=True)
class Case:
    """One setting of a step, for one shape."""

    model: str = LARGE
    batch: int = 1
    length: int = 512
    checkpointing: bool = True
    rank: int = 8
    targets: str | tuple[str, ...] = QV
    optimizer: str = "adamw_torch"
    quantised: bool = True

    def small(self) -> Case:
        """The same for a dry run: few tokens."""
        return replace(self, length=self.length // 32)

    def job(self, model: Model, *, on_card: bool) -> Job:
        """The job that the planner is asked about."""
        return Job(
            model=model,
            per_device_train_batch_size=self.batch,
            max_seq_length=self.length,
            quant_method="bitsandbytes" if self.quantised else "none",
            load_in_4bit=self.quantised,
            double_quant=self.quantised,
            compute_dtype="bfloat16" if on_card else "float32",
            base_dtype="bfloat16" if on_card else "float32",
            kbit_prepare=self.quantised,
            lora_r=self.rank,
            target_modules=self.targets,
            autocast="bfloat16" if on_card else None,
            optim=self.optimizer,
            gradient_checkpointing=self.checkpointing,
        )


def shape(name: str, *, dry_run: bool) -> Model:
    """The shape of a model that qlint knows, or the tiny one in its place."""
    if dry_run:
        return from_config(TINY, name)
    found = find_model(name)
    if found is None:
        raise LookupError(f"qlint knows no shape of {name}")
    return found


def steps() -> Iterator[Case]:
    """Micro-batch, length and checkpointing of a 7B: time and memory."""
    for batch in (1, 4):
        for length in (512, 2048):
            for checkpointing in (True, False):
                yield Case(batch=batch, length=length, checkpointing=checkpointing)


def shares() -> Iterator[Case]:
    """Where the direct measurement of dequantisation is compared with the profiler: everywhere."""
    return steps()


def probed() -> Iterator[Case]:
    """What the probes themselves are run on: the time of a large one, the memory of both."""
    yield Case()
    yield Case(SIZES[0], checkpointing=False)


def adapters() -> Iterator[Case]:
    """The true cost of target modules and of rank, on few tokens and on many."""
    for batch, length in ((1, 512), (4, 2048)):
        for targets in (QV, QKV, ALL):
            for rank in (8, 64):
                yield Case(batch=batch, length=length, targets=targets, rank=rank)


def against_lora() -> Iterator[Case]:
    """The same step over 4-bit and over 16-bit weights, over micro-batches."""
    for batch in (1, 4, 16):
        for quantised in (True, False):
            yield Case(batch=batch, quantised=quantised)


def recipes() -> Iterator[Case]:
    """24 recipes over three sizes for the planner's memory."""
    for name in SIZES:
        for checkpointing in (True, False):
            for optimizer in OPTIMIZERS:
                yield Case(name, 2, 1024, checkpointing, 16, QKV, optimizer)
            yield Case(name, 1, 2048, checkpointing, 64, ALL)
