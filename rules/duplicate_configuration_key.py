"""QL005: a key that stands twice in one mapping of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix, Severity
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of, owner_of, treatment
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every key that stands again, and what becomes of the two values."""
    for note in notes_of(reading, "duplicate-key"):
        yield _finding(note, context)


def _finding(note: Note, context: Context) -> Finding:
    owner = owner_of(note)
    does, source = treatment(note, "duplicate_key")
    # The strict loaders are strict about YAML; JSON goes through json.load, where the last wins.
    stops = does == "stops" and not (note.origin.path or "").lower().endswith(".json")
    first = note.other.line if note.other is not None else None
    before = f" in line {first}" if first is not None else ""
    if stops and owner is not None:
        message = f"{note.key!r} stands{before} already; {owner.package} stops at the second."
        impact = "The run ends before it starts: found duplicate key."
    else:
        message = f"{note.key!r} stands{before} already; that value is lost."
        impact = "The run uses the later value, wherever the eye stops reading."
    return noted_finding(
        context,
        note,
        message,
        severity=Severity.ERROR if stops else None,
        impact=impact,
        supporting=(f"{owner.package}: {source}",) if owner is not None and source else (),
        fix=Fix("Remove the one that is not meant."),
    )
