"""Builds a finding of a rule from the recipe field that decided it."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.findings import Evidence, Finding, Fix, Location, Severity
from qlint.recipe import Origin, Recipe
from qlint.rulebook.rule import Context
from qlint.rulebook.wording import deciding_origin


def build_finding(
    context: Context,
    recipe: Recipe,
    fields: Sequence[str],
    message: str,
    *,
    fix: str,
    impact: str | None = None,
    severity: Severity | None = None,
    supporting: Sequence[str] = (),
    opposing: Sequence[str] = (),
    settle: str | None = None,
    at: str | None = None,
) -> Finding:
    """A finding decided on ``fields``, the first of which says where it points.

    ``at`` is a fact of the recipe that it points at instead. ``severity`` is the rule's own unless
    given; ``fix`` and ``settle`` are the remedy and the measurement in words.
    """
    rule = context.rule
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=severity or rule.severity,
        message=message,
        location=location_of(recipe, at or fields[0]),
        confidence=rule.confidence,
        pitfall=rule.pitfall,
        recipe_id=recipe.id,
        fields=tuple(fields),
        impact=impact,
        evidence=Evidence(tuple(supporting), tuple(opposing), settle=settle),
        fixes=(Fix(description=fix),),
    )


def location_of(recipe: Recipe, field: str) -> Location:
    """Where the value of a field or fact was decided in an input, else where the run stands."""
    origin = deciding_origin(recipe.facts.get(field) or recipe[field])
    if origin is not None:
        return location_at(origin)
    source = recipe.source
    return Location(
        path=source.path,
        line=source.line,
        column=source.column,
        cell=source.cell,
        physical_line=source.physical_line,
    )


def location_at(origin: Origin) -> Location:
    """The span of an origin that stands in an input."""
    return Location(
        path=origin.path or "",
        line=origin.line or 1,
        column=origin.column or 1,
        end_line=origin.end_line,
        end_column=origin.end_column,
        cell=origin.cell,
        physical_line=origin.physical_line,
    )
