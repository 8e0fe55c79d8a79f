"""The instrument on the processor: every storage of a step, seen by a dispatch mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..capture.patches import Patches
from ..replay.run import Watched
from ..replay.window import Window
from ..simulation.quantised import dequantisation_scratch
from ..simulation.storages import StorageTracker
from ..simulation.trace import Phase, Place, Trace
from .resident import resident
from .steps import Work, collected

METHOD = "every storage that an operation returned, followed until its end (dispatch mode)"
_DENSE = "dequantised weight"


def traced(run: Watched, windows: list[Window], work: Work) -> Trace:
    """The trace of ``work``, which is told how to say that a phase begins.

    ``windows`` are the inputs that are there already.
    """
    with tracking(run, windows) as trace:
        work(lambda phase: trace.enter(Place(phase)))
    return trace


@contextlib.contextmanager
def tracking(run: Watched, windows: list[Window]) -> Iterator[Trace]:
    """The trace of what happens in the block, to be read after it."""
    operations = torch.ops.bitsandbytes
    tracker = StorageTracker(
        {operations.gemm_4bit.default: (_DENSE, _multiplication_scratch)}
        if hasattr(operations, "gemm_4bit")
        else {},
        {operations.dequantize_4bit.default: _DENSE},
    )
    trace = tracker.trace
    trace.enter(Place("resident"))
    for tensor, component, path in resident(run, windows):
        tracker.resident([tensor], component, path)
    tracker.watch_modules(run.model)
    try:
        with collected(), Patches() as patches, tracker:
            mark_backward(patches, lambda phase: trace.enter(Place(phase)))
            yield trace
    finally:
        tracker.unwatch()


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
