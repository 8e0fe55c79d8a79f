"""The longest batch that the run can meet: its lengths decide the peak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from ..replay.run import Run
from ..replay.window import Window, cloned
from .dataset import of_dataset


class Longest(NamedTuple):
    """The micro-batch, its shape, and in words where it is from."""

    inputs: Any
    rows: int
    length: int
    source: str

    def window(self, run: Run) -> Window:
        """Two of it, so that the second one meets the gradients of the first; one where the run
        does not accumulate."""
        first = run.windows[0]
        return Window((self.inputs,) * min(2, len(first.inputs)), first.items)


def longest(run: Run) -> Longest:
    """Of the recorded micro-batches, and of the dataset's rows where the run shows them.

    Raises ValueError where nothing with ``input_ids`` was recorded.
    """
    recorded = [inputs for window in run.windows for inputs in window.inputs]
    shapes = [shape_of(inputs) for inputs in recorded]
    number, shape = max(enumerate(shapes), key=lambda item: item[1][0] * item[1][1])
    best = Longest(recorded[number], *shape, f"the longest of {len(recorded)} recorded batches")
    built = of_dataset(getattr(run, "trainer", None), shape[0])
    if built is None:
        return best
    inputs, source = built
    found = Longest(inputs, *shape_of(inputs), source)
    return found if found.rows * found.length > best.rows * best.length else best


def shape_of(inputs: Any) -> tuple[int, int]:
    """Rows and length of a micro-batch."""
    shapes = [tuple(ids.shape[:2]) for ids in _token_ids(inputs)]
    if not shapes:
        raise ValueError("the recorded inputs have no input_ids of two dimensions")
    rows, length = max(shapes, key=lambda shape: shape[0] * shape[1])
    return rows, length


def reshaped(longest: Longest, rows: int, length: int) -> Longest:
    """The micro-batch cut, or repeated, to ``rows`` rows of ``length`` positions."""
    inputs = cloned(longest.inputs)
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.dim():
            part = _sized(value, 0, longest.rows, rows)
            for dimension in range(1, value.dim()):
                part = _sized(part, dimension, longest.length, length)
            if name == "position_ids" and part.dim() == 2 and length > longest.length:
                # Repeated, they would say that several sequences are packed into a row.
                part = torch.arange(length, device=part.device).expand(part.shape)
            inputs[name] = part.contiguous()
    return Longest(inputs, rows, length, longest.source)


def _sized(value: torch.Tensor, dimension: int, size: int, wanted: int) -> torch.Tensor:
    """``value`` with ``wanted`` in the place of ``size``, where the dimension has that size."""
    if value.shape[dimension] != size or size == wanted:
        return value
    repeats = [1] * value.dim()
    repeats[dimension] = -(-wanted // size)
    return value.repeat(repeats).narrow(dimension, 0, wanted)


def _token_ids(inputs: Any) -> Iterator[torch.Tensor]:
    if not isinstance(inputs, Mapping):
        return
    for name, value in inputs.items():
        if name.endswith("input_ids") and isinstance(value, torch.Tensor) and value.dim() == 2:
            yield value
