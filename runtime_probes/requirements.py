"""What the probes need to be installed. Nothing heavy is imported to find out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from qlint.errors import UsageError

EXTRA = "probe"


def require(version_of: Callable[[str], str] = metadata.version) -> None:
    """Check that what the extra ``probe`` lists is there, and new enough.

    Raises:
        UsageError: Something is missing or too old; the sentence holds the command that helps.
    """
    problems = [
        problem for needed in _needed() if (problem := _problem(needed, version_of)) is not None
    ]
    if problems:
        raise UsageError(
            f"qlint probe needs {', '.join(problems)}: pip install --upgrade 'qlint[{EXTRA}]'."
        )


def _needed() -> list[Requirement]:
    """The extra as this installation declares it, so that it stands in one place only."""
    try:
        declared = metadata.requires("qlint") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for text in declared:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        if (
            marker is not None
            and marker.evaluate({"extra": EXTRA})
            and not marker.evaluate({"extra": ""})
        ):
            found.append(requirement)
    return found


def _problem(needed: Requirement, version_of: Callable[[str], str]) -> str | None:
    try:
        installed = Version(version_of(needed.name))
    except metadata.PackageNotFoundError:
        return f"{needed.name} (not installed)"
    except InvalidVersion:
        return None
    if needed.specifier.contains(installed.base_version):
        return None
    return f"{needed.name}{needed.specifier} ({installed} is installed)"
