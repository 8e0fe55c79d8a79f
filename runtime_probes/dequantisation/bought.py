"""What changes to a run cost or buy: target modules, rank, micro-batch and packing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..out_of_memory import is_out_of_memory
from ..replay.device import device_of, release
from ..replay.run import Run
from . import costs, throughput
from .result import Bought

_ROUNDS = 6
Measured = TypeVar("Measured")


def bought(run: Run, rounds: int) -> Bought:
    """Measure them, in at most ``rounds`` rounds each."""
    rounds = min(rounds, _ROUNDS)
    targets, targets_skipped = _measured(run, lambda: costs.targets(run, rounds))
    ranks, ranks_skipped = _measured(run, lambda: costs.ranks(run, rounds))
    points, points_skipped = _measured(run, lambda: throughput.micro_batches(run))
    packing, packing_skipped = _measured(run, lambda: throughput.packing(run))
    return Bought(
        targets=targets or [],
        targets_skipped=targets_skipped,
        ranks=ranks or [],
        ranks_skipped=ranks_skipped,
        micro_batches=points or [],
        micro_batches_skipped=points_skipped,
        packing=packing or {},
        packing_skipped=packing_skipped,
        throughput_method=throughput.METHODS[device_of(run).type] if points or packing else None,
    )


def _measured(run: Run, measure: Callable[[], Measured]) -> tuple[Measured | None, str | None]:
    """What ``measure`` gives, or why it gave nothing."""
    try:
        return measure(), None
    except (costs.NotComparable, throughput.NothingToGain) as error:
        return None, str(error)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler: its traceback holds the step's tensors.
    release(run)
    return None, "out of memory"
