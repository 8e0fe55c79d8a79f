"""QL004: a key that the framework of a configuration does not have."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix, Severity
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of, owner_of, replaced, treatment
from qlint.rulebook.rule import Context

_STOPS, _DROPPED = "stops", "dropped"


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every key that the framework does not have, with the one that is meant."""
    for note in notes_of(reading, "unknown-key"):
        yield _finding(note, context)


def _finding(note: Note, context: Context) -> Finding:
    owner = owner_of(note)
    package = owner.package if owner is not None else "the framework"
    label = owner.label if owner is not None else package
    does, source = treatment(note, "unknown_key")
    message = f"{label} has no key {note.key!r}"
    if does == _STOPS:
        message += " and stops at it"
        impact = "The run ends before it starts."
    elif does == _DROPPED:
        message += " and drops it"
        impact = "The run goes on with the default of what was meant."
    else:
        impact = "What is written here may have no effect."
    # Without a near name it may well be the key of a plugin, a fork or another release.
    severity = Severity.INFO
    fix = Fix(f"Remove it, or see which release of {package} has it.")
    if note.suggestion is not None:
        message += f"; did you mean {note.suggestion}?"
        severity = Severity.ERROR if does == _STOPS else Severity.WARNING
        fix = _renaming(note, note.suggestion)
    return noted_finding(
        context,
        note,
        message if message.endswith("?") else f"{message}.",
        severity=severity,
        impact=impact,
        supporting=(f"{package}: {source}",) if source else (),
        opposing=("plugins, forks and other releases may have keys that qlint does not know",),
        fix=fix,
    )


def _renaming(note: Note, suggestion: str) -> Fix:
    description = f"Rename it to {suggestion}."
    if "." in suggestion:
        return Fix(description)
    quoted = (note.origin.path or "").lower().endswith(".json")
    return Fix(description, edits=replaced(note, f'"{suggestion}"' if quoted else suggestion))
