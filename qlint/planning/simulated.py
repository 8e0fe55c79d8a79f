"""The simulation as the source of a prediction: slower than the closed form, nearer to the run."""

from __future__ import annotations

import importlib
from typing import Any

from qlint.memory.job import Component, Job, Prediction
from qlint.records import replace

ERROR = 0.02
"""Half the error band: it is 0.2 % off real training on the CPU, and imitates a card's kernels."""


def simulate(job: Job, closed_form: Prediction) -> Prediction:
    """The prediction of ``job`` with the figures that its simulated step shows.

    Raises UsageError where the ``probe`` extra is missing or the job cannot be simulated.
    """
    # By its name: type checkers cannot resolve packages that are mapped to other folders.
    package: Any = importlib.import_module("qlint.runtime_probes.simulation")
    found = package.simulate(job)
    peak = int(found.peak_allocated_bytes)
    pinned = closed_form.least_reserved_bytes - closed_form.peak_allocated_bytes
    parts = sorted(found.components.items(), key=lambda part: -part[1])
    return replace(
        closed_form,
        components=tuple(Component(name, size) for name, size in parts if size),
        peak_allocated_bytes=peak,
        peak_reserved_bytes=found.peak_reserved_bytes,
        least_reserved_bytes=min(found.peak_reserved_bytes, peak + pinned),
        at=found.at,
        low_bytes=round(peak * (1 - ERROR)),
        high_bytes=round(peak * (1 + ERROR)),
        paged_bytes=found.paged_bytes,
    )
