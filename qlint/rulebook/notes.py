"""What rules make of a reader's notes: whose loader reads the file, and a finding at the place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qlint.findings import Edit, Evidence, Finding, Fix, Severity
from qlint.recipe import Note, NoteKind, Reading
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import location_at

if TYPE_CHECKING:
    from qlint.knowledge.frameworks import Framework


def notes_of(reading: Reading, kind: NoteKind) -> Iterator[Note]:
    """The notes of one kind, in the order of the file."""
    return (note for note in reading.notes if note.kind == kind)


def owner_of(note: Note) -> Framework | None:
    """The framework whose loader reads the file, where that is known."""
    if not note.framework:
        return None
    from qlint.knowledge.frameworks import framework

    return framework(note.framework)


def treatment(note: Note, question: str) -> tuple[str, str]:
    """What the framework does in such a case, and where that was read; empty where not known."""
    owner = owner_of(note)
    fact = owner.facts.get(question) if owner is not None else None
    return (str(fact.value), fact.source) if fact is not None else ("", "")


def noted_finding(
    context: Context,
    note: Note,
    message: str,
    *,
    impact: str,
    fix: Fix,
    severity: Severity | None = None,
    supporting: Sequence[str] = (),
    opposing: Sequence[str] = (),
    settle: str | None = None,
) -> Finding:
    """A finding of the rule at the place of the note; ``severity`` is the rule's unless given."""
    rule = context.rule
    path = note.origin.path or ""
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=severity or rule.severity,
        message=message,
        location=location_at(note.origin),
        confidence=rule.confidence,
        impact=impact,
        evidence=Evidence(
            tuple(supporting), tuple(opposing), settle=settle or f"qlint inspect {path}"
        ),
        fixes=(fix,),
    )


def replaced(note: Note, replacement: str) -> tuple[Edit, ...]:
    """The edit that puts ``replacement`` in the note's place; none where the place is not exact.

    In TOML the place is looked up by text, and in a notebook it is one within a cell's text.
    """
    origin = note.origin
    suffix = os.path.splitext(origin.path or "")[1].lower()
    exact = suffix in (".yaml", ".yml", ".json") and origin.cell is None
    span = (origin.line, origin.column, origin.end_line, origin.end_column)
    if origin.path is None or not exact:
        return ()
    line, column, end_line, end_column = span
    if line is None or column is None or end_line is None or end_column is None:
        return ()
    return (Edit(origin.path, line, column, end_line, end_column, replacement),)
