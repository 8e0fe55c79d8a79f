"""Weigh findings against measurements of the very same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qlint.findings import Finding, Severity
from qlint.knowledge.gpus import find_card, parse_cards
from qlint.linting.evidence_file import (
    EvidenceFile,
    Measured,
    known_values,
    known_versions,
    model_digest,
    relative_to,
)
from qlint.linting.report import Report
from qlint.recipe import Recipe

REFUTED = "refuted"
_SAME_CARD = 0.05
"""Cards whose memory differs by less are taken for the same."""
_MOST_CHANGES = 3


def weigh_findings(report: Report, evidence: EvidenceFile, gpu: str | None) -> None:
    """Add what was measured to the findings of ``report``; what was refuted becomes an info.

    A measurement of another recipe or model, with other versions or on another card than ``gpu``
    (as the settings name it) is stale: it is shown as such and decides nothing.
    """
    nearest: dict[str, tuple[Measured, list[str]] | None] = {}
    for number, finding in enumerate(report.findings):
        recipe = report.recipe(finding.recipe_id)
        if recipe is None:
            continue
        if recipe.id not in nearest:
            nearest[recipe.id] = _nearest(evidence, recipe, gpu)
        found = nearest[recipe.id]
        if found is not None:
            measured, changes = found
            verdicts = {one["code"]: one for one in measured.verdicts}
            report.findings[number] = weighed(finding, verdicts, measured.card, changes)


def weighed(
    finding: Finding,
    verdicts: Mapping[str, Mapping[str, str]],
    card: str | None,
    changes: Sequence[str] = (),
) -> Finding:
    """The finding with the verdict on it, if there is one; measured on ``card`` or on none."""
    verdict = verdicts.get(finding.code)
    if verdict is None:
        return finding
    where = f" (on {card})" if card is not None else " (on the processor)"
    text = f"{verdict['verdict']}: {verdict['why']}{where}"
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


def _nearest(
    evidence: EvidenceFile, recipe: Recipe, gpu: str | None
) -> tuple[Measured, list[str]] | None:
    """The measurement of this run that differs least, and in what it differs.

    A run that a launcher starts was measured as the script that trains.
    """
    paths = [recipe.source.path] + ([recipe.trains_at.path] if recipe.trains_at else [])
    sources = {relative_to(path, evidence.folder) for path in paths}
    candidates = [
        (one, _changes(one, recipe, gpu)) for one in evidence.measurements if one.source in sources
    ]
    return min(candidates, key=lambda pair: len(pair[1]), default=None)


def _changes(measured: Measured, recipe: Recipe, gpu: str | None) -> list[str]:
    """What is no longer as it was measured, in words."""
    changes = []
    values, versions = known_values(recipe), known_versions(recipe)
    for name in sorted({*measured.values, *values}):
        before, now = measured.values.get(name), values.get(name)
        if before != now:
            changes.append(f"{name} was {before}, is {now}")
    digest = model_digest(recipe)
    if None not in (measured.model, digest) and measured.model != digest:
        changes.append("the model's config.json is another one")
    for library, version in measured.versions.items():
        if versions.get(library, version) != version:
            changes.append(f"{library} was {version}, is {versions[library]}")
    if gpu and measured.card is not None and measured.card_bytes is not None:
        card, before = parse_cards(gpu)[1], find_card(measured.card)
        ratio = measured.card_bytes / card.usable_bytes
        # A size alone, such as 24GB, is any card of that size.
        named = None not in (card.bandwidth, before)
        if abs(ratio - 1) > _SAME_CARD or (named and before != card):
            changes.append(f"the card was {measured.card}, is {card.name}")
    return changes
