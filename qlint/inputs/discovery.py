"""Find the inputs to lint: named files, folders and standard input, in one fixed order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

from qlint.errors import UsageError
from qlint.inputs.exclusion import Exclusion
from qlint.settings.in_force import Settings

STANDARD_INPUT = "-"
MAXIMUM_BYTES = 256 * 2**20


class Discovery(NamedTuple):
    """The inputs found, and the pairs (path, reason) of what had to be left out."""

    paths: list[str]
    skipped: list[tuple[str, str]]


def discover(
    paths: Iterable[str],
    settings: Settings,
    is_input: Callable[[str], bool],
    known: str,
    *,
    force_exclude: bool = False,
) -> Discovery:
    """Expand ``paths`` to files that ``is_input`` says there is a reader for.

    ``known`` names those to somebody who gave another file.
    A file named by the user is taken even where it is excluded. ``force_exclude`` says that a tool
    did the naming, as pre-commit does: then what a folder would leave out is left out.
    """
    exclusion = Exclusion(settings)
    found: dict[str, str] = {}
    skipped: set[tuple[str, str]] = set()

    def offer(path: str) -> None:
        if reason := _why_unreadable(path):
            skipped.add((path, reason))
        else:
            found.setdefault(os.path.realpath(path), path)

    for named in paths:
        path = os.path.normpath(named)
        if named == STANDARD_INPUT:
            found[named] = named
        elif not os.path.lexists(named):
            raise UsageError(f"no such file or folder: {named}")
        elif os.path.isdir(path):
            from qlint.inputs.file_tree import files_below

            for inner in sorted(files_below(path, exclusion)):
                if is_input(inner):
                    offer(inner)
        elif force_exclude and (not is_input(path) or exclusion.match(path)):
            continue
        elif not is_input(path) and not _why_unreadable(path):
            kind = _suffix(path) or "such"
            skipped.add((path, f"no reader for {kind} files, only for {known}"))
        else:
            offer(path)
    return Discovery(sorted(found.values()), sorted(skipped))


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _why_unreadable(path: str) -> str | None:
    """Look before opening: to open a FIFO would block."""
    try:
        status = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            return "broken symbolic link"
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file; use - to read standard input"
    if status.st_size > MAXIMUM_BYTES:
        return f"larger than {MAXIMUM_BYTES // 2**20} MiB"
    return None
