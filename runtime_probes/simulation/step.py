"""One training step of a model over fake tensors, with its storages watched."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator
from typing import Any

import bitsandbytes  # noqa: F401  (registers its operations)
import torch
from accelerate.utils.operations import convert_outputs_to_fp32
from transformers import masking_utils

from qlint.memory.job import Job

from . import optimizers, quantised
from .cuda_semantics import (
    autocast_seen_as_cuda,
    cuda_semantics,
    efficient_backward_scratch,
    flash_backward_scratch,
    replaced,
)
from .storages import StorageTracker
from .trace import Place, Trace

CUBLAS_WORKSPACE_BYTES = 2 * 8320 * 1024
"""Two workspaces of 8320 KiB, for the forward and the backward thread: ``:4096:2:16:8``, the
default before Hopper (``getChosenWorkspaceSize`` in ATen/cuda/CUDABlasWorkspace)."""

_LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")

_DENSE = "dequantised weight"
_ATTENTION = "attention workspace"
_SCRATCH = {
    torch.ops.bitsandbytes.gemm_4bit.default: (_DENSE, quantised.dequantisation_scratch),
}
_CUDA_SCRATCH = {
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


def run(model: Any, job: Job, layers_together: int, cuda: bool) -> tuple[Trace, int]:
    """The trace of one step of ``model``, and its paged optimizer state in bytes.

    ``layers_together`` modules count as one layer of the trace: the length of the model's pattern
    of layers. Call it under the fake mode that the model was built in, or on a real model.
    """
    tracker = StorageTracker({**_SCRATCH, **(_CUDA_SCRATCH if cuda else {})}, _OUTPUTS)
    batch = batch_of(job)
    paged = _resident(tracker, model, job, batch, layers_together, cuda)
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
        with tracker, cuda_semantics(_autocast(job)) if cuda else autocast_seen_as_cuda():
            tracker.trace.enter(Place("forward start"))
            loss = loss_of(model, batch)
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
def _seen_as_unpacked(batch: dict[str, Any]) -> Iterator[None]:
    """A batch without positions of its own is not packed, which fake positions do not show."""
    with contextlib.ExitStack() as stack:
        if "position_ids" not in batch:
            name = "find_packed_sequence_indices"
            stack.enter_context(replaced(masking_utils, name, lambda *_, **__: None))
        yield


def loss_of(model: Any, batch: dict[str, Any]) -> Any:
    """As ``Trainer.compute_loss``: the outputs die with it, the loss lives on."""
    with _seen_as_unpacked(batch):
        return model(**batch)["loss"]


def mixed_precision(model: Any, job: Job) -> None:
    """As ``Accelerator.prepare_model``: autocast around the forward, its outputs in float32."""
    dtype = _autocast(job)
    if dtype is not None:
        autocast = torch.autocast("cpu", dtype=dtype)
        model.forward = convert_outputs_to_fp32(autocast(model.forward))


def _resident(
    tracker: StorageTracker,
    model: Any,
    job: Job,
    batch: dict[str, Any],
    layers_together: int,
    cuda: bool,
) -> int:
    """Records what is there before the step: layer by layer, that it can be repeated."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    states = dict(zip(map(id, trained), optimizers.states(job.optim, trained), strict=True))
    by_layer: dict[int | None, list[tuple[Any, str, str]]] = {None: []}
    for path, module in model.named_modules():
        entries = by_layer.setdefault(_layer_of(path, layers_together), [])
        for parameter in module._parameters.values():
            if parameter is None:
                continue
            if parameter.requires_grad:
                entries.append((parameter, "trained parameters", path))
                entries += [(s, "optimizer state", path) for s in states[id(parameter)].resident]
                if job.gradient_accumulation_steps > 1:
                    parameter.grad = torch.zeros_like(parameter)
                    entries.append((parameter.grad, "gradients", path))
            else:
                name = "unquantised weights" if parameter.is_floating_point() else _QUANTISED
                entries.append((parameter, name, path))
        entries += [(t, _QUANTISED, path) for t in quantised.quantisation_state(module)]
        entries += [(t, "buffers", path) for t in module._buffers.values() if t is not None]
    for layer in [None, *sorted(number for number in by_layer if number is not None)]:
        tracker.trace.enter(Place("resident", layer))
        if layer is None:
            tracker.resident(batch.values(), "batch")
            if cuda:
                tracker.trace.allocate(CUBLAS_WORKSPACE_BYTES // 2, "cuBLAS workspace", "")
                tracker.trace.allocate(CUBLAS_WORKSPACE_BYTES // 2, "cuBLAS workspace", "")
        for tensor, component, path in by_layer[layer]:
            tracker.resident([tensor], component, path)
    tracker.keep(states)
    return sum(
        tensor.numel() * tensor.element_size()
        for state in states.values()
        for tensor in state.paged
    )


_QUANTISED = "quantised weights"


def _layers(model: Any) -> tuple[Any, Any]:
    """The module before the head, and its repeated layers."""
    for module in model.modules():
        for name in ("layers", "h"):
            layers = getattr(module, name, None)
            if isinstance(layers, torch.nn.ModuleList):
                return module, layers
    raise ValueError(f"{type(model).__name__} has no list of layers.")


def _optimizer_step(tracker: StorageTracker, model: Any, job: Job, together: int) -> None:
    trained = [
        (_layer_of(name, together), parameter)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    scratch = optimizers.step_scratch(job.optim, [parameter for _, parameter in trained])
    blocks = []
    for number, size in scratch.items():
        tracker.trace.enter(Place("optimizer step", trained[number][0]))
        blocks.append(tracker.trace.allocate(size, "optimizer temporaries", ""))
    tracker.trace.enter(Place("optimizer step"))
    for block in blocks:
        tracker.trace.release(block)


def _layer_of(path: str, together: int) -> int | None:
    found = _LAYER.search(f".{path}.")
    return int(found[1]) // together if found else None


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
