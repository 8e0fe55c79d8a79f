"""Findings that no rule's check makes, because the linter itself is what noticed."""

from __future__ import annotations

from qlint.findings import Finding, Fix, Location, Severity
from qlint.recipe import Problem
from qlint.rulebook.registry import find_rule
from qlint.rulebook.rule import Rule


def finding_for_problem(problem: Problem) -> Finding:
    """QL001: an input, or a part of one, could not be analysed."""
    rule = _rule("QL001")
    extent = "Could not be analysed" if problem.fatal else "A part could not be analysed"
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity if problem.fatal else Severity.WARNING,
        message=f"{extent}: {problem.message}",
        location=Location(
            path=problem.path,
            line=problem.line,
            column=problem.column,
            cell=problem.cell,
            physical_line=problem.physical_line,
        ),
        confidence=rule.confidence,
        impact="Nothing is known about this input; that qlint is silent on it means nothing."
        if problem.fatal
        else "Whatever the skipped part decides is missing from the recipe.",
    )


def finding_for_unused_suppression(location: Location, code: str | None) -> Finding:
    """QL002: a suppression comment at ``location`` that suppresses nothing.

    ``code`` is the one code in it that is unused, or None where the comment names no code.
    """
    rule = _rule("QL002")
    what = f"of {code} " if code else ""
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity,
        message=f"The suppression {what}suppresses nothing.",
        location=location,
        confidence=rule.confidence,
        fixes=(Fix(description=f"Remove {code or 'the comment'}.", applicability="safe"),),
    )


def _rule(code: str) -> Rule:
    rule = find_rule(code)
    if rule is None:
        raise LookupError(f"the page of {code} is missing from the installation")
    return rule
