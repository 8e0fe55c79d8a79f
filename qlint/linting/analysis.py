"""Read the inputs that hold a run, and run the rules over what was read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from qlint import readers
from qlint.findings import Finding
from qlint.linting.garbage import rare_collections
from qlint.linting.linter_findings import finding_for_problem
from qlint.linting.projects import started_by_others
from qlint.linting.report import Report
from qlint.linting.session import Session, common_folder, project_root
from qlint.readers.active_environment import active_versions
from qlint.readers.commands import Argument
from qlint.readers.request import Request
from qlint.recipe import Problem, Reading
from qlint.rulebook.rule import Context
from qlint.settings.of_rules import active_rules

POOL_THRESHOLD = 20
"""Up to this many inputs, starting processes costs more than it saves."""


class Job(NamedTuple):
    """One input with all that its analysis needs; it may travel to another process."""

    path: str
    data: bytes
    request: Request
    active: Sequence[Context]


class Analysis(NamedTuple):
    """What one input gave."""

    reading: Reading
    findings: Sequence[Finding] = ()
    problems: Sequence[Problem] = ()


def analyse_inputs(
    report: Report,
    session: Session,
    flagged: Sequence[str],
    unread: Sequence[tuple[str, str]],
    *,
    check: bool,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Add to ``report`` what the inputs ``flagged`` hold, and that ``unread`` were not read.

    ``progress`` is told how many of how many inputs are done.
    """
    problems = [Problem(path=path, message=reason) for path, reason in unread]
    if flagged:
        root = project_root(common_folder(session.paths))
        request = Request(
            arguments=tuple(Argument(text) for text in session.script_arguments),
            root=root,
            target_versions=session.settings.target_versions,
            named=session.paths,
            installed={} if session.isolated else active_versions(),
        )
        active = active_rules(session.settings) if check else ()
        jobs = [Job(path, report.sources.data(path), request, active) for path in flagged]
        with rare_collections():
            analyses = []
            for analysis in _analyse_all(jobs, session.jobs):
                analyses.append(analysis)
                if progress is not None:
                    progress(len(analyses), len(jobs))
        started = started_by_others(analyses, root)
        for number, analysis in enumerate(analyses):
            problems += [*analysis.reading.problems, *analysis.problems]
            if number not in started:
                report.recipes += analysis.reading.recipes
                report.dead += analysis.reading.dead
                report.findings += analysis.findings
    # A part that two inputs read, such as a shared module, is one problem.
    problems = list(dict.fromkeys(problems))
    report.skipped += [problem for problem in problems if problem.fatal]
    report.findings += [finding_for_problem(problem) for problem in problems]


def analyse(job: Job) -> Analysis:
    """Read one input and check it; whatever goes wrong becomes a problem of that input alone."""
    try:
        reading = readers.read(job.path, job.data, job.request)
    except Exception as error:
        return _failed(job, _internal_error(job.path, "the reader", error))
    findings: list[Finding] = []
    problems: list[Problem] = []
    for context in job.active:
        rule = context.rule
        try:
            for subject in reading.recipes if rule.scope == "recipe" else (reading,):
                findings += rule.check(subject, context)
        except Exception as error:
            problems.append(_internal_error(job.path, rule.code, error))
    return Analysis(reading, findings, problems)


def _analyse_all(jobs: Sequence[Job], processes: int | None) -> Iterable[Analysis]:
    if processes is None:
        processes = os.cpu_count() or 1 if len(jobs) > POOL_THRESHOLD else 1
    processes = min(processes, len(jobs))
    if processes == 1:
        return map(analyse, jobs)
    from qlint.linting.pool import run_in_pool

    return run_in_pool(analyse, jobs, processes, _crashed)


def _crashed(job: Job) -> Analysis:
    return _failed(job, Problem(path=job.path, message="the process that analysed it died"))


def _failed(job: Job, problem: Problem) -> Analysis:
    return Analysis(Reading(job.path), problems=(problem,))


def _internal_error(path: str, where: str, error: Exception) -> Problem:
    """Name the place in qlint as well: it is what a bug report needs, without a traceback."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    module = os.path.basename(frame.tb_frame.f_code.co_filename) if frame else "?"
    line = frame.tb_lineno if frame else 0
    text = str(error) or "no message"
    return Problem(
        path=path,
        message=f"internal error in {where}: {type(error).__name__}: {text} ({module}:{line})",
    )
