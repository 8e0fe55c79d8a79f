"""What stays on the card all the time: weights, adapters, optimizer state, kept gradients."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import torch

from qlint.memory.job import Job

from . import optimizers, quantised
from .storages import StorageTracker
from .trace import Place

CUBLAS_WORKSPACE_BYTES = 2 * 8320 * 1024
"""Two workspaces of 8320 KiB, for the forward and the backward thread: ``:4096:2:16:8``, the
default before Hopper (``getChosenWorkspaceSize`` in ATen/cuda/CUDABlasWorkspace)."""

_LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")

_QUANTISED = "quantised weights"


def record_resident(
    tracker: StorageTracker,
    model: Any,
    job: Job,
    batch: dict[str, Any],
    layers_together: int,
    cuda: bool,
) -> dict[int | None, int]:
    """Record in the trace what is there before the step: layer by layer, that it can be repeated.

    Returns the bytes of paged optimizer state by layer, which lie outside of the card's memory.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    states = dict(zip(map(id, trained), optimizers.states(job.optim, trained), strict=True))
    by_layer: dict[int | None, list[tuple[Any, str, str]]] = {None: []}
    paged: Counter[int | None] = Counter()
    for path, module in model.named_modules():
        layer = layer_of(path, layers_together)
        entries = by_layer.setdefault(layer, [])
        for parameter in module._parameters.values():
            if parameter is None:
                continue
            if parameter.requires_grad:
                entries.append((parameter, "adapters", path))
                state = states[id(parameter)]
                entries += [(tensor, "optimizer state", path) for tensor in state.resident]
                paged[layer] += sum(t.numel() * t.element_size() for t in state.paged)
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
                tracker.trace.allocate(CUBLAS_WORKSPACE_BYTES // 2, "matrix library workspace", "")
                tracker.trace.allocate(CUBLAS_WORKSPACE_BYTES // 2, "matrix library workspace", "")
        for tensor, component, path in by_layer[layer]:
            tracker.resident([tensor], component, path)
    tracker.keep(states)
    return paged


def layer_of(path: str, together: int) -> int | None:
    """The layer that a module or parameter belongs to, ``together`` modules counting as one."""
    found = _LAYER.search(f".{path}.")
    return int(found[1]) // together if found else None
