"""Lint: discover, prefilter, read, run the rules, suppress, sort.

This module is on the way of every call. What only a file with a run needs is imported once there
is one: most files hold none, and a pre-commit hook should not be felt.
"""

from __future__ import annotations

import os
import sys

from qlint.inputs.discovery import STANDARD_INPUT, discover
from qlint.linting.report import Report
from qlint.linting.session import Session, common_folder, evidence_near
from qlint.readers.gate import holds_launch, holds_run, launches
from qlint.readers.input_kinds import KNOWN_INPUTS, is_input, is_launcher, starts_shell
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Progress: TypeAlias = Callable[[int, int], None]

SUPPRESSION_MARKERS = (b"qlint:", b"noqa", b"NOQA")
"""An input without any of these holds no suppression worth looking for."""

DEFAULT_STDIN_FILENAME = "<stdin>.py"


def lint(
    session: Session,
    *,
    check: bool = True,
    weigh: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Read all inputs of ``session`` and, with ``check``, run the selected rules over them.

    With ``weigh`` the findings are weighed against the project's measurements. ``progress`` is told
    how many of how many inputs that may hold a run are done.
    """
    report = Report()
    found = discover(
        session.paths,
        session.settings,
        is_input,
        KNOWN_INPUTS,
        force_exclude=session.force_exclude,
    )
    # A file without a run may silence what a run elsewhere reads from it. Only a whole folder
    # shows whether one does; single files are how pre-commit calls.
    only_folders = all(os.path.isdir(path) for path in session.paths)
    alone = len(session.paths) == 1 and len(found.paths) == 1
    unread = list(found.skipped)
    flagged: list[str] = []
    suppressing: list[str] = []
    for named in found.paths:
        try:
            path, data = _load(named, session.stdin_filename)
        except OSError as error:
            unread.append((named, f"cannot be read: {error.strerror}"))
            continue
        report.inputs.append(path)
        has_run = _may_hold_run(path, data) or (alone and launches(data, _suffix(path)))
        if has_run:
            flagged.append(path)
            report.sources.put(path, data)
        if (has_run or only_folders) and any(marker in data for marker in SUPPRESSION_MARKERS):
            suppressing.append(path)
    if flagged or unread:
        from qlint.linting.analysis import analyse_inputs

        analyse_inputs(report, session, flagged, unread, check=check, progress=progress)
    if check and weigh and report.findings:
        _weigh(report, session)
    if check and (report.findings or suppressing):
        from qlint.linting.judging import judge

        judge(report, session.settings, suppressing)
    return report


def _weigh(report: Report, session: Session) -> None:
    """Show in the findings what was measured, where the project has measurements."""
    path = session.evidence
    if path is None and not session.isolated:
        path = evidence_near(common_folder(session.paths))
    if path is not None:
        from qlint.linting.evidence_file import read
        from qlint.linting.weighing import weigh_findings

        weigh_findings(report, read(path), session.settings.gpu)


def _may_hold_run(path: str, data: bytes) -> bool:
    suffix = _suffix(path)
    if is_launcher(path) or (not suffix and starts_shell(data)):
        return holds_launch(data)
    return holds_run(data, suffix)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _load(named: str, stdin_filename: str | None) -> tuple[str, bytes]:
    """Return the path to show and the content."""
    if named == STANDARD_INPUT:
        return stdin_filename or DEFAULT_STDIN_FILENAME, sys.stdin.buffer.read()
    with open(named, "rb") as file:
        return named, file.read()
