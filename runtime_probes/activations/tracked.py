"""The instrument on the processor: every storage of a step, seen by a dispatch mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..capture.patches import Patches
from ..replay.run import Run
from ..replay.window import Window
from ..simulation.quantised import dequantisation_scratch
from ..simulation.storages import StorageTracker
from ..simulation.trace import Phase, Place, Trace
from .resident import resident
from .steps import Work, collected

METHOD = "every storage that an operation returned, followed until its end (dispatch mode)"
_DENSE = "dequantised weight"


def traced(run: Run, windows: list[Window], work: Work) -> Trace:
    """The trace of ``work``, which is told how to say that a phase begins.

    ``windows`` are the inputs that are there already.
    """
    operations = torch.ops.bitsandbytes
    tracker = StorageTracker(
        {operations.gemm_4bit.default: (_DENSE, _multiplication_scratch)}
        if hasattr(operations, "gemm_4bit")
        else {},
        {operations.dequantize_4bit.default: _DENSE},
    )
    tracker.trace.enter(Place("resident"))
    for tensor, component, path in resident(run, windows):
        tracker.resident([tensor], component, path)
    tracker.watch_modules(run.model)

    def enter(phase: Phase) -> None:
        tracker.trace.enter(Place(phase))

    try:
        with collected(), Patches() as patches, tracker:
            mark_backward(patches, enter)
            work(enter)
    finally:
        tracker.unwatch()
    return tracker.trace


def _multiplication_scratch(inputs: Any, packed: Any, shape: Any, *rest: Any, **named: Any) -> Any:
    """The dense weight and its scales are still there when the product is made."""
    return dequantisation_scratch(inputs, packed, shape, *rest, **named)[-2:]


def mark_backward(patches: Patches, enter: Callable[[Phase], None]) -> None:
    """Say when the backward of a loss begins and when it is over."""

    def make(original: Any) -> Any:
        def backward(self: Any, *arguments: Any, **named: Any) -> Any:
            enter("backward")
            try:
                return original(self, *arguments, **named)
            finally:
                enter("forward")

        return backward

    patches.wrap(torch.Tensor, "backward", make)
