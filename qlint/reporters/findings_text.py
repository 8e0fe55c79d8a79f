"""The formats ``full`` and ``concise`` of ``check``."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.linting.report import Report
from qlint.reporters.excerpt import excerpt
from qlint.reporters.layout import Line, paragraph, plain
from qlint.reporters.wording import field_value, place, station

_INDENT = 4


def concise(report: Report) -> Iterator[Line]:
    """Yield one line a finding."""
    for finding in report.findings:
        yield _headline(finding)


def full(report: Report) -> Iterator[Line]:
    """Yield each finding with its source, where the value comes from, and what to make of it."""
    for finding in report.findings:
        yield _headline(finding)
        yield from excerpt(finding.location, report.sources)
        yield from _chains(finding, report)
        if finding.impact:
            yield from paragraph("impact", finding.impact, _INDENT)
        yield from _evidence(finding)
        for fix in finding.fixes:
            yield from paragraph(f"fix ({fix.applicability})", fix.description, _INDENT)
        yield []


def _headline(finding: Finding) -> Line:
    return [
        (place(finding.location), "path"),
        (": ", ""),
        (finding.code, "code"),
        (" ", ""),
        (finding.severity.value, finding.severity.value),
        (f" {finding.message} ", ""),
        (f"[{finding.name}]", "dim"),
    ]


def _chains(finding: Finding, report: Report) -> Iterator[Line]:
    """Yield for each field it was decided on the way of the value, last station first."""
    recipe = report.recipe(finding.recipe_id)
    if recipe is None:
        return
    margin = " " * _INDENT
    for name in finding.fields:
        field = recipe[name]
        shown = field_value(field) if field.known or field.alternatives else field.state.value
        yield [(f"{margin}{name} = {shown}", "bold")]
        for origin in reversed(field.origin):
            yield plain(f"{margin}  ← {station(origin)}", "dim")


def _evidence(finding: Finding) -> Iterator[Line]:
    evidence = finding.evidence
    for text in evidence.supporting:
        yield from paragraph("for", text, _INDENT)
    for text in evidence.opposing:
        yield from paragraph("against", text, _INDENT)
    if evidence.measured:
        yield from paragraph("measured", evidence.measured, _INDENT)
    if evidence.settle:
        yield from paragraph("settle", evidence.settle, _INDENT)
