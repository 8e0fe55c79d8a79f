"""What is trained, tensor by tensor: adapters, modules that are saved whole, or everything."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.memory.job import Job
from qlint.memory.step.precision import SIZES, precision_of
from qlint.memory.targets import adapted_linears
from qlint.records import Record


class Trained(Record):
    """Trained matrices of one shape: rows, columns, how many, and bytes an element."""

    rows: int
    columns: int
    number: int
    size: int

    @property
    def elements(self) -> int:
        """Elements of one of them."""
        return self.rows * self.columns


def trained_matrices(job: Job) -> Iterator[Trained]:
    """Every trained matrix of the run.

    An adapter on a linear layer of ``inputs`` x ``outputs`` holds A (r x inputs) and B (outputs x
    r), and with DoRA one magnitude for each output. ``modules_to_save`` are trained as copies, in
    the dtype that the module has by then (``peft/utils/other.py``, ``ModulesToSaveWrapper``): what
    casts adapters to float32 (``cast_adapter_dtype``) passes them by.
    """
    if job.lora_r is None:
        yield from _everything(job)
        return
    size = SIZES[job.adapter_dtype]
    for linear, places in adapted_linears(job.model, job.target_modules) or ():
        yield Trained(job.lora_r, linear.inputs, places, size)
        yield Trained(linear.outputs, job.lora_r, places, size)
        if job.use_dora:
            yield Trained(1, linear.outputs, places, size)
    for name in job.modules_to_save:
        if name in ("lm_head", "embed_tokens"):
            yield Trained(job.model.vocabulary, job.model.hidden_size, 1, precision_of(job).rest)


def _everything(job: Job) -> Iterator[Trained]:
    size = SIZES[job.base_dtype]
    for linear, places in job.model.linears:
        yield Trained(linear.outputs, linear.inputs, places, size)
    tables = 1 if job.model.tied_embeddings else 2
    yield Trained(job.model.vocabulary, job.model.hidden_size, tables, size)
    for block in job.model.blocks:
        yield Trained(1, block.small_parameters, block.layers, size)
