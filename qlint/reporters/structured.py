"""Reports as JSON values, in the form that ``qlint/schema.json`` describes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qlint import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlint.findings import Edit, Finding, Fix
    from qlint.linting.report import Report
    from qlint.recipe import (
        Alternative,
        DeadConfiguration,
        Field,
        Json,
        Origin,
        Problem,
        Recipe,
    )

SCHEMA_VERSION = "1.0"


def inspect_report(report: Report) -> dict[str, Any]:
    """Return what ``inspect`` prints: the recipes, and what could not be read."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "qlint", "version": __version__},
        "recipes": [recipe_value(recipe) for recipe in report.recipes],
        "dead_configurations": [dead_value(dead) for dead in report.dead],
        "skipped": [skipped_value(problem) for problem in report.skipped],
    }


def check_report(report: Report) -> dict[str, Any]:
    """Return what ``check`` prints: the same and the findings."""
    return {
        **inspect_report(report),
        "findings": [finding_value(finding) for finding in report.findings],
        "summary": report.summary(),
    }


def recipe_value(recipe: Recipe) -> dict[str, Any]:
    """Return one run."""
    source = recipe.source
    return {
        "id": recipe.id,
        "source": {
            "path": source.path,
            "line": source.line,
            "column": source.column,
            "cell": source.cell,
            "physical_line": source.physical_line,
        },
        "kind": recipe.kind,
        "framework": recipe.framework,
        "inputs": list(recipe.inputs),
        "fields": fields_value(recipe.fields),
        "variants": [
            {"condition": variant.condition, "fields": fields_value(variant.fields)}
            for variant in recipe.variants
        ],
        "assumptions": list(recipe.assumptions),
        "versions": {library: dict(version) for library, version in recipe.versions.items()},
    }


def fields_value(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return recipe fields by name."""
    return {name: field_value(field) for name, field in fields.items()}


def field_value(field: Field) -> dict[str, Any]:
    """Return one recipe field."""
    return {
        "state": field.state.value,
        "value": plain(field.value),
        "alternatives": [_alternative_value(alternative) for alternative in field.alternatives],
        "origin": [origin_value(origin) for origin in field.origin],
        "condition": field.condition,
    }


def origin_value(origin: Origin) -> dict[str, Any]:
    """Return one station of a value."""
    return {
        "path": origin.path,
        "line": origin.line,
        "column": origin.column,
        "cell": origin.cell,
        "physical_line": origin.physical_line,
        "via": origin.via,
    }


def finding_value(finding: Finding) -> dict[str, Any]:
    """Return one finding."""
    place = finding.location
    evidence = finding.evidence
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "pitfall": finding.pitfall,
        "message": finding.message,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "cell": place.cell,
        "physical_line": place.physical_line,
        "recipe_id": finding.recipe_id,
        "fields": list(finding.fields),
        "impact": finding.impact,
        "evidence": {
            "for": list(evidence.supporting),
            "against": list(evidence.opposing),
            "measured": evidence.measured,
            "settle": evidence.settle,
        },
        "fixes": [_fix_value(fix) for fix in finding.fixes],
        "url": finding.url,
    }


def skipped_value(problem: Problem) -> dict[str, Any]:
    """Return one input that could not be analysed."""
    return {
        "path": problem.path,
        "reason": problem.message,
        "line": problem.line,
        "column": problem.column,
        "cell": problem.cell,
        "physical_line": problem.physical_line,
    }


def dead_value(dead: DeadConfiguration) -> dict[str, Any]:
    """Return one configuration that never reaches a run."""
    return {"what": dead.what, "origin": origin_value(dead.origin)}


def plain(value: Json) -> Json:
    """Make a value fit for JSON, which has no infinities, no tuples and text keys only."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _alternative_value(alternative: Alternative) -> dict[str, Any]:
    return {
        "value": plain(alternative.value),
        "condition": alternative.condition,
        "origin": [origin_value(origin) for origin in alternative.origin],
    }


def _fix_value(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": fix.applicability,
        "description": fix.description,
        "edits": [_edit_value(edit) for edit in fix.edits],
    }


def _edit_value(edit: Edit) -> dict[str, Any]:
    return {
        "path": edit.path,
        "line": edit.line,
        "column": edit.column,
        "end_line": edit.end_line,
        "end_column": edit.end_column,
        "replacement": edit.replacement,
    }
