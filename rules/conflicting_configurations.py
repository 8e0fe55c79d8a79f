"""QL008: two files of one run that say different things about the same value."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every conflict between the files that a run is configured by."""
    for note in notes_of(reading, "conflict"):
        yield _finding(note, context)


def _finding(note: Note, context: Context) -> Finding:
    return noted_finding(
        context,
        note,
        f"{note.message}.",
        impact="Which of the two is in force depends on who reads its file last, or the run stops.",
        supporting=("each program reads its own file and does not know the other",),
        opposing=("a wrapper may reconcile them before the run starts",),
        fix=Fix(f"Let one file decide {note.key}, and the others leave it out or say auto."),
    )
