"""QL502: a PeftModel that is handed to a trainer together with peft_config."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from qlint.findings import Finding, Fix, Severity
from qlint.recipe import Note, Reading
from qlint.rulebook.notes import noted_finding, notes_of
from qlint.rulebook.rule import Context

_REFUSING = Version("0.27")


def check(reading: Reading, context: Context) -> Iterator[Finding]:
    """Report every trainer of TRL that is given an adapter for a model that has one."""
    for note in notes_of(reading, "adapter-twice"):
        yield _finding(note, reading, context)


def _finding(note: Note, reading: Reading, context: Context) -> Finding:
    found = (recipe.versions.get("trl", {}).get("version") for recipe in reading.recipes)
    version = next((text for text in found if text), None)
    release = f"TRL {version}" if version is not None else "today's TRL"
    if version is None or _refuses(version):
        severity, what = Severity.ERROR, f"{release} refuses that"
        impact = "The run ends when the trainer is built: ValueError."
    else:
        severity, what = Severity.WARNING, f"{release} does not train what both say"
        impact = (
            "SFTTrainer up to 0.19 ignores peft_config; 0.20 and 0.21 put a second adapter on the "
            "first; 0.22 to 0.26, and DPOTrainer before, merge the first into the base."
        )
    return noted_finding(
        context,
        note,
        f"{note.message}; {what}.",
        severity=severity,
        impact=impact,
        supporting=("trl 1.16.0, trainer/sft_trainer.py:819; first raised in 0.27",),
        opposing=("trainers of other libraries that are built on TRL may do as they like",),
        fix=Fix("Leave peft_config out, or pass the model as it was before get_peft_model."),
    )


def _refuses(version: str) -> bool:
    try:
        return Version(version) >= _REFUSING
    except InvalidVersion:
        return True
