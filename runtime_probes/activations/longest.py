"""The longest batch that the run can meet: its lengths decide the peak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from ..replay.run import Run
from ..replay.window import Window, cloned

_MOST_ROWS = 20_000
"""Rows of a dataset that are looked at, spread evenly."""


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
    built = _of_dataset(run, shape[0])
    return built if built is not None and built.length > best.length else best


def shape_of(inputs: Any) -> tuple[int, int]:
    """Rows and length of a micro-batch."""
    shapes = [tuple(ids.shape[:2]) for ids in _token_ids(inputs)]
    if not shapes:
        raise ValueError("the recorded inputs have no input_ids of two dimensions")
    rows, length = max(shapes, key=lambda shape: shape[0] * shape[1])
    return rows, length


def shortened(longest: Longest, rows: int, length: int) -> Longest:
    """The first ``rows`` rows and ``length`` positions of a micro-batch."""
    inputs = cloned(longest.inputs)
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.dim():
            part = value[:rows] if value.shape[0] == longest.rows else value
            for dimension in range(1, value.dim()):
                if value.shape[dimension] == longest.length:
                    part = part.narrow(dimension, 0, length)
            inputs[name] = part.contiguous()
    return Longest(inputs, rows, length, longest.source)


def _token_ids(inputs: Any) -> Iterator[torch.Tensor]:
    if not isinstance(inputs, Mapping):
        return
    for name, value in inputs.items():
        if name.endswith("input_ids") and isinstance(value, torch.Tensor) and value.dim() == 2:
            yield value


def _of_dataset(run: Run, rows: int) -> Longest | None:
    """The longest rows in one batch, as a shuffling sampler may put them together."""
    trainer = getattr(run, "trainer", None)
    dataset: Any = getattr(trainer, "train_dataset", None)
    if trainer is None or not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        return None
    try:
        step = max(1, -(-len(dataset) // _MOST_ROWS))
        numbers = range(0, len(dataset), step)
        lengths = sorted(((_length(dataset[i]), i) for i in numbers), reverse=True)
        if not lengths or not lengths[0][0]:
            return None
        remove = trainer._get_collator_with_removed_columns
        collate = remove(trainer.data_collator, description="training")
        inputs = collate([dataset[number] for _, number in lengths[:rows]])
        shape = shape_of(inputs)
    except Exception:  # The user's dataset and collator: what fails here is not measured.
        return None
    return Longest(inputs, *shape, f"the {rows} longest of {len(numbers)} rows of the dataset")


def _length(row: Any) -> int:
    """The number of tokens of a row, whatever its columns are called."""
    if not isinstance(row, Mapping):
        return 0
    return sum(
        len(value)
        for name, value in row.items()
        if name.endswith("_ids") and hasattr(value, "__len__")
    )
