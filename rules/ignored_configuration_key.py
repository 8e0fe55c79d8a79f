"""QL006: keys of a configuration that have no effect beside the others."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of, owner_of
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report keys that the framework knows and leaves aside in this combination."""
    for note in notes_of(reading, "ignored-key"):
        yield _finding(note, context)


def _finding(note: Note, context: Context) -> Finding:
    owner = owner_of(note)
    label = owner.label if owner is not None else "the framework"
    remedy = f"Add {note.suggestion}, or remove" if note.suggestion else "Remove"
    return noted_finding(
        context,
        note,
        f"{note.message}.",
        impact=f"{label} trains as if they were not there: every weight, without an adapter.",
        supporting=("keys of an adapter are written by who wants one",),
        opposing=("the command line that starts the run may add what is missing",),
        fix=Fix(f"{remedy} what has no effect."),
    )
