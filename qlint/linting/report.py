"""The outcome of one call: what every reporter shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.inputs.sources import Sources

if TYPE_CHECKING:
    from qlint.findings import Finding
    from qlint.recipe import DeadConfiguration, Problem, Recipe

_RANKS = {"info": 0, "warning": 1, "error": 2}


class Report:
    """Recipes, findings, and the inputs that could not be analysed, in their fixed order."""

    def __init__(self) -> None:
        self.recipes: list[Recipe] = []
        self.dead: list[DeadConfiguration] = []
        self.findings: list[Finding] = []
        self.skipped: list[Problem] = []
        self.inputs: list[str] = []
        """Every input that was looked at, those without a run included."""
        self.sources = Sources()

    def status(self, fail_on: str) -> int:
        """Return the exit status: 2 for an input that could not be analysed, 1 for findings."""
        if self.skipped:
            return 2
        return int(any(finding.severity.rank >= _RANKS[fail_on] for finding in self.findings))

    def recipe(self, identifier: str | None) -> Recipe | None:
        """Return the recipe a finding speaks of."""
        return next((recipe for recipe in self.recipes if recipe.id == identifier), None)

    def summary(self) -> dict[str, Any]:
        """Count inputs, runs, and findings by severity and by code."""
        by_severity = {"error": 0, "warning": 0, "info": 0}
        by_code: dict[str, int] = {}
        for finding in self.findings:
            by_severity[finding.severity.value] += 1
            by_code[finding.code] = by_code.get(finding.code, 0) + 1
        return {
            "files": len(self.inputs),
            "runs": len(self.recipes),
            "skipped": len(self.skipped),
            "findings": by_severity,
            "by_code": dict(sorted(by_code.items())),
        }
