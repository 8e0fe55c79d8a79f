"""QL501: a configuration of several documents, where the loader takes one."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding, Fix
from qlint.recipe import Reading
from qlint.rulebook.notes import noted_finding, notes_of, owner_of
from qlint.rulebook.rule import Context


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report the second document of a framework's configuration."""
    for note in notes_of(reading, "several-documents"):
        owner = owner_of(note)
        package = owner.package if owner is not None else "the framework"
        yield noted_finding(
            context,
            note,
            f"A second document begins here; {package} loads files of one document only.",
            impact="The run ends before it starts: expected a single document in the stream.",
            supporting=("yaml.safe_load and OmegaConf.load raise ComposerError",),
            opposing=("a wrapper may call yaml.safe_load_all and start a run for each",),
            fix=Fix("Give each run a file of its own, or remove the line of three dashes."),
        )
