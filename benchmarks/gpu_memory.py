"""The memory of a step beside what the planner says of it: what the planner is corrected by."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from qlint.memory.job import Prediction

SHORT_SECONDS = 0.5
"""Of a step that is worth taking once more, to see what its peak is made of."""
_PROBES = "qlint.runtime_probes.activations"


def memory(predicted: Prediction, *, on_card: bool) -> dict[str, Any]:
    """Predicted, and on a card measured since its peak was last reset: bytes.

    Between steps, so that ``resident_bytes`` is what stays: weights, optimizer state, workspaces.
    ``beside_bytes`` is what the card holds beside the allocator's segments: the context, its
    kernels and managed memory, with whatever others have there.
    """
    found: dict[str, Any] = {
        "predicted_allocated_bytes": predicted.peak_allocated_bytes,
        "predicted_reserved_bytes": predicted.peak_reserved_bytes,
        "predicted_least_reserved_bytes": predicted.least_reserved_bytes,
        "predicted_context_bytes": predicted.context_bytes,
        "predicted_paged_bytes": predicted.paged_bytes,
        "predicted_at": predicted.at,
        "predicted_components": {one.name: one.bytes for one in predicted.components},
    }
    if on_card:
        allocated = torch.cuda.max_memory_allocated()
        free, total = torch.cuda.mem_get_info()
        found["allocated_bytes"] = allocated
        found["reserved_bytes"] = torch.cuda.max_memory_reserved()
        found["resident_bytes"] = torch.cuda.memory_allocated()
        found["beside_bytes"] = total - free - torch.cuda.memory_reserved()
        found["error"] = predicted.peak_allocated_bytes / allocated - 1
    return found


def made_of(run: Any, device: torch.device) -> dict[str, Any]:
    """What the peak of another step is made of, and where it stands; bytes."""
    instrument = importlib.import_module(f"{_PROBES}.instruments").instrument(run, device)
    training = importlib.import_module(f"{_PROBES}.steps").training
    peak = instrument.peak(training(run, run.windows[0]), list(run.windows))
    return {
        "peak_bytes": peak.peak_bytes,
        "resident_bytes": peak.resident_bytes,
        "saved_bytes": peak.saved_bytes,
        "at": peak.at,
        "by_kind": peak.by_kind,
    }
