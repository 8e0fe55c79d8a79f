"""One evaluation step: a forward without a graph, over a batch of its own."""

from __future__ import annotations

from qlint.knowledge.shapes import Block, Linear
from qlint.memory.job import Job, Loss
from qlint.memory.step.adapted_linear import adapted_linear
from qlint.memory.step.decoder_layer import decoder_layer
from qlint.memory.step.ledger import Ledger, balance, highest
from qlint.memory.step.loss import head
from qlint.memory.step.precision import FLOAT32, Precision, precision_of
from qlint.memory.step.tensors import Tape, Tensor
from qlint.memory.step.walk import adapters_of
from qlint.records import replace


def evaluation_bytes(job: Job) -> int:
    """What ``Trainer.prediction_step`` allocates at its peak, beside what stays (weights, state).

    Nothing is dropped out and nothing kept for a backward, so each layer's tensors go before the
    next one's come, but for the cache of keys and values. The loss is that of training; Liger's
    head makes all logits where it does not train. Where predictions are kept, those of the batch
    before are there in float32, as the trainer's wrapper returns them
    (``EvalLoopContainer`` in ``transformers/trainer_pt_utils.py``). Further batches pile up on the
    card unless ``eval_accumulation_steps`` is set: how many is not known from a recipe.
    """
    whole = not job.prediction_loss_only and not job.loss.materialises
    step = replace(
        job,
        per_device_train_batch_size=job.per_device_eval_batch_size,
        lora_dropout=0.0,
        gradient_checkpointing=False,
        loss=Loss.FULL if whole else job.loss,
    )
    precision = precision_of(step)
    stream, cached, peak = precision.rest, 0, 0
    for block in step.model.blocks:
        alike: dict[int, tuple[int, int, int]] = {}
        for _ in range(block.layers):
            # Layers of a block differ in nothing but the precision of what reaches them.
            if stream not in alike:
                alike[stream] = _layer(step, precision, block, stream)
            needed, kept, stream = alike[stream]
            peak = max(peak, cached + needed)
            cached += kept
    return max(peak, cached + _head(step, precision, stream)) + _predictions(step)


def _layer(job: Job, precision: Precision, block: Block, stream: int) -> tuple[int, int, int]:
    """The peak of a layer, what it leaves in the cache, and the size of its result's elements."""
    ledger = Ledger()
    tape = Tape(ledger, saves=False, tracks=False)
    adapters = adapters_of(job, precision, block, accumulates=False)

    def project(linear: Linear, tensor: Tensor) -> Tensor:
        return adapted_linear(tape, job, precision, linear, adapters.get(linear.name), tensor)

    hidden = tape.new(_elements(job), stream)
    result = decoder_layer(tape, job, precision, block, project, hidden)
    size = result.size
    del hidden, result
    for adapter in adapters.values():
        for parameter in adapter.parameters():
            parameter.cached = None
    return highest(ledger.events)[0], sum(balance(ledger.events).values()), size


def _head(job: Job, precision: Precision, stream: int) -> int:
    ledger = Ledger()
    tape = Tape(ledger, saves=False, tracks=False)
    head(tape, job, precision, tape.new(_elements(job), stream), None)
    return highest(ledger.events)[0]


def _predictions(job: Job) -> int:
    """The logits that are kept of one batch."""
    if job.prediction_loss_only:
        return 0
    tokens = job.per_device_train_batch_size * job.max_seq_length
    return tokens * job.model.vocabulary * FLOAT32


def _elements(job: Job) -> int:
    return job.per_device_train_batch_size * job.max_seq_length * job.model.hidden_size
