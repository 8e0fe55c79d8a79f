"""The longest batch that the run can meet: its lengths decide the peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..replay.run import Run
from ..replay.window import Window
from . import shapes
from .dataset import of_dataset
from .online import as_long_as_allowed
from .shapes import shape_of

_PAIRED = ("DPOTrainer", "RewardTrainer")
"""Trainers whose collators put the rejected rows below the chosen ones, in one tensor."""


class Longest(NamedTuple):
    """The micro-batch, its shape, and in words where it is from."""

    inputs: Any
    rows: int
    length: int
    source: str
    unit: int = 1
    """Rows that belong together: batches are made of whole examples."""

    def window(self, run: Run) -> Window:
        """Two of it, so that the second one meets the gradients of the first; one where the run
        does not accumulate."""
        first = run.windows[0]
        return Window((self.inputs,) * min(2, len(first.inputs)), first.items)


def longest(run: Run) -> Longest:
    """Of the recorded micro-batches, and of the dataset's rows where the run shows them.

    Raises ValueError where nothing with tokens was recorded.
    """
    recorded = [inputs for window in run.windows for inputs in window.inputs]
    found = [(shape_of(inputs), inputs) for inputs in recorded]
    shape, inputs = max(found, key=lambda one: one[0].rows * one[0].length)
    trainer: Any = getattr(run, "trainer", None)
    best = Longest(
        inputs, *shape, f"the longest of {len(recorded)} recorded batches", _unit(trainer, inputs)
    )
    built = as_long_as_allowed(trainer, recorded) or of_dataset(trainer, shape.rows)
    if built is None:
        return best
    inputs, source = built
    other = Longest(inputs, *shape_of(inputs), source, best.unit)
    return other if other.rows * other.length > best.rows * best.length else best


def reshaped(longest: Longest, rows: int, length: int) -> Longest:
    """The micro-batch cut, or repeated, to ``rows`` rows of ``length`` positions."""
    inputs = shapes.reshaped(longest.inputs, longest.unit, rows, length)
    return longest._replace(inputs=inputs, rows=rows, length=length)


def _unit(trainer: Any, inputs: Mapping[str, Any]) -> int:
    """Two for pairs in one tensor; older releases keep ``chosen_input_ids`` apart."""
    names = {kind.__name__ for kind in type(trainer).__mro__}
    return 2 if "input_ids" in inputs and names.intersection(_PAIRED) else 1
