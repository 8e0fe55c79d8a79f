"""The rows of a trainer's dataset that make its longest batch, as its sampler may deal them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch.utils.data import SequentialSampler

_MOST_ROWS = 20_000
"""Rows of a dataset that are looked at, spread evenly."""
_GROUPING = ("group_by_length", "batch_rebalance")
"""Strategies that put long rows together, which to ask for would measure the whole dataset."""


def of_dataset(trainer: Any, rows: int) -> tuple[Any, str] | None:
    """The collated batch of its longest rows, and in words which these are.

    A sampler that keeps the dataset's order deals neighbours; any other may put the longest rows
    together. ``rows`` is the size of a batch where the trainer does not say it. None where there is
    no dataset with a length, or its rows hold no tokens yet (the collator tokenizes them).
    """
    dataset: Any = getattr(trainer, "train_dataset", None)
    if trainer is None or not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        return None
    try:
        rows = getattr(trainer, "_train_batch_size", None) or rows
        count = len(dataset)
        if _keeps_order(trainer):
            numbers, looked_at = _longest_neighbours(dataset, count, rows)
            source = f"the longest {rows} neighbours of {looked_at} rows of the dataset"
        else:
            numbers, looked_at = _longest_rows(dataset, count, rows)
            source = f"the {rows} longest of {looked_at} rows of the dataset"
        if not numbers:
            return None
        collate = trainer._get_collator_with_removed_columns(
            trainer.data_collator, description="training"
        )
        return collate([dataset[number] for number in numbers]), source
    except Exception:  # The user's dataset and collator: what fails here is not measured.
        return None


def rows_to_look_at(count: int) -> range:
    """Numbers of rows of a dataset of ``count``, which may be too many to look at."""
    return range(0, count, max(1, -(-count // _MOST_ROWS)))


def _keeps_order(trainer: Any) -> bool:
    arguments = getattr(trainer, "args", None)
    strategy = getattr(arguments, "train_sampling_strategy", None)
    if strategy in _GROUPING or getattr(arguments, "group_by_length", False):
        return False
    sampler = getattr(trainer, "_get_train_sampler", None)
    return sampler is not None and isinstance(sampler(), SequentialSampler)


def _longest_rows(dataset: Any, count: int, rows: int) -> tuple[Sequence[int], int]:
    """The longest rows, and how many were looked at."""
    numbers = rows_to_look_at(count)
    lengths = sorted(_lengths(dataset, numbers), reverse=True)
    return [number for length, number in lengths[:rows] if length], len(numbers)


def _longest_neighbours(dataset: Any, count: int, rows: int) -> tuple[Sequence[int], int]:
    """The batch of the dataset's order with the longest row, and how many rows were looked at."""
    step = rows * max(1, -(-count // _MOST_ROWS))
    batches = [range(first, min(first + rows, count)) for first in range(0, count, step)]
    looked_at = sum(map(len, batches))
    length, batch = max(
        ((max(_lengths(dataset, batch))[0], batch) for batch in batches),
        key=lambda found: found[0],
        default=(0, range(0)),
    )
    return (batch if length else ()), looked_at


def _lengths(dataset: Any, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    return ((_length(dataset[number]), number) for number in numbers)


def _length(row: Any) -> int:
    """The number of tokens of a row, or of the longer one of a pair with one prompt."""
    if not isinstance(row, Mapping):
        return 0
    lengths = {
        name: len(value)
        for name, value in row.items()
        if name.endswith("_ids") and hasattr(value, "__len__")
    }
    if "input_ids" in lengths:
        return lengths["input_ids"]
    prompt = lengths.pop("prompt_ids", lengths.pop("prompt_input_ids", 0))
    return prompt + max(lengths.values(), default=0)
