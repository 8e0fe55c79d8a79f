"""Python's collector of cyclic garbage, told to look less often.

A parsed file is some hundred thousand objects, none of them in a cycle. With its usual thresholds
the collector walks them all time and again, for a third of the time that a large project takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 500_000
"""Some 50 MB of what the evaluation of scripts leaves behind."""


def collect_rarely() -> None:
    """Collect only when many objects are new; for a process that does nothing else."""
    gc.set_threshold(_NEW_OBJECTS, 5, 5)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect only when many objects are new, until the block ends."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
