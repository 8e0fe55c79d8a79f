"""One training step of a model over fake tensors, with its storages watched."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import bitsandbytes  # noqa: F401  (registers its operations)
import torch
from accelerate.utils.operations import convert_outputs_to_fp32
from transformers import masking_utils
from transformers.integrations import moe

from qlint.errors import UsageError
from qlint.memory.job import Job

from . import optimizers, quantised
from .attention import efficient_backward_scratch, flash_backward_scratch
from .cuda_semantics import autocast_seen_as_cuda, cuda_semantics, replaced
from .losses import kernels_in_place, loss_of
from .resident import layer_of, record_resident
from .storages import Scratch, StorageTracker
from .trace import Place, Trace

_DENSE = "dequantised weight"
_ATTENTION = "attention workspace"
_SCRATCH: dict[Any, tuple[str, Scratch]] = {
    torch.ops.bitsandbytes.gemm_4bit.default: (_DENSE, quantised.dequantisation_scratch),
}
_CUDA_SCRATCH: dict[Any, tuple[str, Scratch]] = {
    torch.ops.bitsandbytes.int8_vectorwise_quant.default: (
        "activations in 8 bits",
        quantised.outlier_scratch,
    ),
    torch.ops.bitsandbytes.int8_scaled_mm.default: (
        "activations in 8 bits",
        quantised.eight_bit_scratch,
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_backward.default: (
        _ATTENTION,
        flash_backward_scratch,
    ),
    torch.ops.aten._scaled_dot_product_efficient_attention_backward.default: (
        _ATTENTION,
        efficient_backward_scratch,
    ),
}
_OUTPUTS = {torch.ops.bitsandbytes.dequantize_4bit.default: _DENSE}


def run(
    model: Any, job: Job, layers_together: int, cuda: bool
) -> tuple[Trace, dict[int | None, int]]:
    """The trace of one step of ``model``, and the bytes of its paged optimizer state by layer.

    ``layers_together`` modules count as one layer of the trace: the length of the model's pattern
    of layers. Call it under the fake mode that the model was built in, or on a real model.
    """
    tracker = StorageTracker(_SCRATCH | _CUDA_SCRATCH if cuda else _SCRATCH, _OUTPUTS)
    batch = batch_of(job)
    paged = record_resident(tracker, model, job, batch, layers_together, cuda)
    backbone, layers = _layers(model)
    tracker.watch_modules(model)
    tracker.watch_layers(
        backbone,
        [
            list(layers[start : start + layers_together])
            for start in range(0, len(layers), layers_together)
        ],
    )
    mixed_precision(model, job)
    collecting = gc.isenabled()
    gc.disable()
    try:
        with (
            tracker,
            cuda_semantics(_autocast(job)) if cuda else autocast_seen_as_cuda(),
            numbers_known(batch),
            kernels_in_place(job.loss),
        ):
            tracker.trace.enter(Place("forward start"))
            loss = loss_of(model, batch, job.loss)
            tracker.trace.enter(Place("backward of loss"))
            loss.backward()
            del loss
            tracker.trace.enter(Place("optimizer step"))
            _optimizer_step(tracker, model, job, layers_together)
    finally:
        tracker.unwatch()
        if collecting:
            gc.enable()
    return tracker.trace, paged


def _autocast(job: Job) -> Any:
    return None if job.autocast is None else getattr(torch, job.autocast)


def batch_of(job: Job) -> dict[str, Any]:
    """The inputs of one micro-step, as the collator makes them.

    A mask of ones is left out: the model looks at it, finds nothing masked and drops it. Flash
    attention takes neither masks nor packed positions as tensors of the sequence's square.
    """
    shape = (job.per_device_train_batch_size, job.max_seq_length)
    names = ["input_ids", "labels"]
    if job.attn_implementation != "flash_attention_2":
        names += ["attention_mask"] * job.padding + ["position_ids"] * job.packing
    return {name: torch.zeros(shape, dtype=torch.int64) for name in names}


@contextlib.contextmanager
def numbers_known(batch: dict[str, Any]) -> Iterator[None]:
    """Inside, what transformers asks the numbers of a tensor, which fake ones lack, is answered.

    A batch without positions of its own is not packed; grouped matrix products of 16-bit experts
    have a kernel of their own, whose fake form knows no other dtype.
    """
    with contextlib.ExitStack() as stack:
        if "position_ids" not in batch:
            name = "find_packed_sequence_indices"
            stack.enter_context(replaced(masking_utils, name, lambda *_, **__: None))
        name = "_can_use_grouped_mm"
        stack.enter_context(
            replaced(moe, name, lambda _inputs, weight, _offsets: weight.dtype is torch.bfloat16)
        )
        yield


def mixed_precision(model: Any, job: Job) -> None:
    """As ``Accelerator.prepare_model``: autocast around the forward, its outputs in float32."""
    dtype = _autocast(job)
    if dtype is not None:
        autocast = torch.autocast("cpu", dtype=dtype)
        model.forward = convert_outputs_to_fp32(autocast(model.forward))


def _layers(model: Any) -> tuple[Any, Any]:
    """The module before the head, and its repeated layers."""
    for module in model.modules():
        for name in ("layers", "h"):
            layers = getattr(module, name, None)
            if isinstance(layers, torch.nn.ModuleList):
                return module, layers
    raise UsageError(f"{type(model).__name__} has no list of layers to repeat.")


def _optimizer_step(tracker: StorageTracker, model: Any, job: Job, together: int) -> None:
    trained = [
        (layer_of(name, together), parameter)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    scratch = optimizers.step_scratch(job.optim, [parameter for _, parameter in trained])
    blocks = []
    for number, size in scratch.items():
        layer = None if number is None else trained[number][0]
        tracker.trace.enter(Place("optimizer step", layer))
        blocks.append(tracker.trace.allocate(size, "optimizer temporaries", ""))
    tracker.trace.enter(Place("optimizer step"))
    for block in blocks:
        tracker.trace.release(block)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Libraries keep their warnings to themselves: they are about running, not about memory."""
    import warnings

    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
