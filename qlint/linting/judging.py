"""What remains of the findings: suppressions, per-file ignores, no repeats, one order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from qlint.findings import Finding, Location
from qlint.linting.linter_findings import finding_for_unused_suppression
from qlint.linting.report import Report
from qlint.linting.suppression import Suppression, find_suppressions
from qlint.settings.in_force import Settings
from qlint.settings.of_rules import rule_names, selected
from qlint.settings.selection import ALL, matches

NEVER_SUPPRESSED = "QL001"
"""Silence about an input must never look like a clean bill."""

UNUSED_SUPPRESSION = "QL002"


def judge(report: Report, settings: Settings, suppressing: Sequence[str]) -> None:
    """Bring the findings of ``report`` to their final form.

    ``suppressing`` are the inputs in which a suppression without effect is worth a finding.
    """
    suppressions = _Suppressions(report)
    findings = [finding for finding in report.findings if not suppressions.silence(finding)]
    codes = selected(settings)
    if UNUSED_SUPPRESSION in codes:
        # A comment that names no code may be there for a rule that is off in this run.
        all_on = settings.select == (ALL,) and not settings.ignore
        unread = {problem.path for problem in report.skipped}
        for path in suppressing:
            if path not in unread:
                findings += suppressions.unused(path, codes, all_on=all_on)
    if settings.per_file_ignores:
        ignored = _PerFileIgnores(settings)
        findings = [finding for finding in findings if not ignored.match(finding)]
    report.findings = sorted(_without_repeats(findings), key=_order)
    report.skipped.sort(key=lambda problem: (problem.path, problem.line, problem.message))


class _Suppressions:
    """The suppressions of each path, read when first needed."""

    def __init__(self, report: Report) -> None:
        self._sources = report.sources
        self._by_path: dict[str, list[Suppression]] = {}
        self._recipes = {recipe.id: recipe for recipe in report.recipes}

    def of(self, path: str) -> list[Suppression]:
        if path not in self._by_path:
            suffix = os.path.splitext(path)[1].lower()
            self._by_path[path] = find_suppressions(self._sources.data(path), suffix)
        return self._by_path[path]

    def silence(self, finding: Finding) -> bool:
        if finding.code == NEVER_SUPPRESSED:
            return False
        # All of them and not the first: every comment about this finding counts as used.
        silencing = [
            suppression
            for place in self._places(finding)
            for suppression in self.of(place.location.path)
            if suppression.silences(place)
        ]
        return bool(silencing)

    def _places(self, finding: Finding) -> Iterator[Finding]:
        """A finding about a whole run counts at the launcher's command and where it trains."""
        yield finding
        recipe = self._recipes.get(finding.recipe_id or "")
        if recipe is None or recipe.trains_at is None:
            return
        place, source = finding.location, recipe.source
        if (place.path, place.cell, place.line) == (source.path, source.cell, source.line):
            own = recipe.trains_at
            location = Location(
                own.path, own.line, own.column, cell=own.cell, physical_line=own.physical_line
            )
            yield replace(finding, location=location)

    def unused(self, path: str, codes: frozenset[str], *, all_on: bool) -> Iterator[Finding]:
        known = rule_names()
        for suppression in self.of(path):
            for code in suppression.unused():
                # A code that no rule has suppresses nothing whatever is selected.
                if all_on if code is None else code in codes or code not in known:
                    comment = suppression.comment
                    location = Location(
                        path=path,
                        line=comment.line,
                        column=comment.column,
                        end_line=comment.line,
                        end_column=comment.column + len(comment.text),
                        cell=comment.cell,
                        physical_line=comment.physical_line,
                    )
                    yield finding_for_unused_suppression(location, code)


class _PerFileIgnores:
    """The setting ``per-file-ignores``."""

    def __init__(self, settings: Settings) -> None:
        from qlint.inputs.patterns import Patterns

        self._rows = [
            (Patterns(settings.folder, [pattern]), selectors)
            for pattern, selectors in settings.per_file_ignores.items()
        ]

    def match(self, finding: Finding) -> bool:
        return finding.code != NEVER_SUPPRESSED and any(
            matches(selector, finding.code, finding.name)
            for patterns, selectors in self._rows
            if patterns.match(finding.location.path)
            for selector in selectors
        )


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """Two runs may read one value, in a shared module say: that is one finding."""
    return list(
        {
            (finding.code, finding.location, finding.message): finding for finding in findings
        }.values()
    )


def _order(finding: Finding) -> tuple[str, int, int, int, str, str]:
    place = finding.location
    return (place.path, place.cell or 0, place.line, place.column, finding.code, finding.message)
