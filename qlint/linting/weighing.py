"""Weigh findings against measurements of the very same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qlint.findings import Finding, Severity
from qlint.knowledge.gpus import find_card
from qlint.linting.evidence_file import (
    EvidenceFile,
    Measured,
    known_values,
    known_versions,
    relative_source,
)
from qlint.linting.report import Report
from qlint.recipe import Recipe

REFUTED = "refuted"
_SAME_CARD = 0.05
"""Cards whose memory differs by less are taken for the same."""
_MOST_CHANGES = 3


def weigh_findings(report: Report, evidence: EvidenceFile, gpu: str | None) -> None:
    """Add what was measured to the findings of ``report``; what was refuted becomes an info.

    A measurement of another recipe, with other versions or on another card than ``gpu`` (as the
    settings name it) is stale: it is shown as such and decides nothing.
    """
    for number, finding in enumerate(report.findings):
        recipe = report.recipe(finding.recipe_id)
        if recipe is None:
            continue
        source = relative_source(recipe, evidence.folder)
        candidates = [one for one in evidence.measurements if one.source == source]
        if candidates:
            changes, measured = min(
                ((_changes(one, recipe, gpu), one) for one in candidates),
                key=lambda pair: len(pair[0]),
            )
            report.findings[number] = weighed(
                finding, {one["code"]: one for one in measured.verdicts}, changes
            )


def weighed(
    finding: Finding, verdicts: Mapping[str, Mapping[str, str]], changes: Sequence[str] = ()
) -> Finding:
    """The finding with the verdict on it, if there is one."""
    verdict = verdicts.get(finding.code)
    if verdict is None:
        return finding
    text = f"{verdict['verdict']}: {verdict['why']}"
    if changes:
        shown = ", ".join(changes[:_MOST_CHANGES])
        more = f" and {len(changes) - _MOST_CHANGES} more" if len(changes) > _MOST_CHANGES else ""
        text = f"stale, so it decides nothing ({shown}{more}; measure again) - {text}"
    refuted = verdict["verdict"] == REFUTED and not changes
    return replace(
        finding,
        severity=Severity.INFO if refuted else finding.severity,
        evidence=replace(finding.evidence, measured=text),
    )


def _changes(measured: Measured, recipe: Recipe, gpu: str | None) -> list[str]:
    """What is no longer as it was measured, in words."""
    changes = []
    values, versions = known_values(recipe), known_versions(recipe)
    for name in sorted({*measured.values, *values}):
        before, now = measured.values.get(name), values.get(name)
        if before != now:
            changes.append(f"{name} was {before}, is {now}")
    for library, version in measured.versions.items():
        if versions.get(library, version) != version:
            changes.append(f"{library} was {version}, is {versions[library]}")
    card = find_card(gpu) if gpu else None
    if card is not None and measured.card_bytes is not None:
        ratio = measured.card_bytes / card.usable_bytes
        if abs(ratio - 1) > _SAME_CARD:
            changes.append(f"the card was {measured.card}, is {card.name}")
    return changes
