"""QL007: a number that the loader of a configuration reads as text."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix, Severity
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of, owner_of, replaced, treatment
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every such number, and whether the framework turns it back into one."""
    for note in notes_of(reading, "number-as-text"):
        yield _finding(note, context)


def _finding(note: Note, context: Context) -> Finding:
    owner = owner_of(note)
    does, source = treatment(note, "number_as_text")
    meant = note.suggestion or "a number"
    message = f"{note.key} is text to the loader, not the number {meant}"
    if does == "number" and owner is not None:
        return noted_finding(
            context,
            note,
            f"{message}; {owner.package} turns it back into one.",
            severity=Severity.INFO,
            impact="None here; another program that loads this file gets text.",
            supporting=("YAML 1.1 wants a dot and a signed exponent in a number: 1.0e-4",),
            opposing=(f"{owner.label} converts it: {source}",),
            fix=Fix(f"Write {meant}.", "safe", replaced(note, meant)),
        )
    return noted_finding(
        context,
        note,
        f"{message}; whatever takes it fails or compares text.",
        impact="torch.optim refuses a learning rate that is text: the run ends at its start.",
        supporting=("YAML 1.1 wants a dot and a signed exponent in a number: 1.0e-4",),
        opposing=("a script may convert it itself: float(config['learning_rate'])",),
        fix=Fix(f"Write {meant}.", edits=replaced(note, meant)),
    )
