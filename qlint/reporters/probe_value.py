"""What ``probe`` prints as JSON: the report of ``check`` with measurements and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qlint.linting.report import Report
from qlint.recipe import Recipe
from qlint.reporters.structured import check_report, plain


class Probed(NamedTuple):
    """A measured run: what was found in its script, and what the probes gave."""

    report: Report
    recipe: Recipe | None
    """The run of the script that was measured; None without a script, or where it is not told."""
    name: str
    """What was measured, in words."""
    steps: int
    interrupted: bool
    probes: Mapping[str, Mapping[str, Any]]
    """By key: ``dequant``, ``activations``, ``learning_rate``, ``adapters``."""
    environment: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, str]]
    predicted_peak_bytes: int | None = None
    """The planner's prediction for this run, where it has one."""


def probe_report(probed: Probed) -> dict[str, Any]:
    """The whole report."""
    return {
        **check_report(probed.report),
        "probes": plain({**probed.probes}),
        "environment": plain({**probed.environment}),
        "verdicts": [dict(verdict) for verdict in probed.verdicts],
        "measured": {
            "name": probed.name,
            "steps": probed.steps,
            "interrupted": probed.interrupted,
            "predicted_peak_bytes": probed.predicted_peak_bytes,
        },
    }
