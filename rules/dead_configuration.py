"""QL003: a configuration that is built and never reaches a run."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Evidence, Finding, Fix
from qlint.recipe import Reading
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import location_at


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every dead configuration of an input."""
    rule = context.rule
    for dead in reading.dead:
        yield Finding(
            code=rule.code,
            name=rule.name,
            severity=rule.severity,
            message=f"{dead.what} is built here and never reaches a run.",
            location=location_at(dead.origin),
            confidence=rule.confidence,
            impact="Its values have no effect: the run goes on with other settings, or without.",
            evidence=Evidence(settle=f"qlint inspect {reading.path}"),
            fixes=(
                Fix(description="Pass it to the model or trainer it was meant for, or drop it."),
            ),
        )
