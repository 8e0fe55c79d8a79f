"""A toy rule over a whole reading."""

from collections.abc import Iterator

from qlint.findings import Finding, Location
from qlint.recipe import Reading
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report configurations that never reach a run."""
    for dead in reading.dead:
        origin = dead.origin
        yield Finding(
            code=context.rule.code,
            name=context.rule.name,
            severity=context.rule.severity,
            message=f"{dead.what} is never applied",
            location=Location(reading.path, origin.line or 1, origin.column or 1),
        )
