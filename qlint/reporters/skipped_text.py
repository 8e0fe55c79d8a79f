"""The inputs that could not be analysed, for commands that show no findings."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Location
from qlint.linting.report import Report
from qlint.reporters.layout import Line
from qlint.reporters.wording import place


def skipped(report: Report) -> Iterator[Line]:
    """Yield one line an input, with the reason."""
    for problem in report.skipped:
        where = Location(problem.path, problem.line, problem.column, cell=problem.cell)
        yield [(place(where), "path"), (": not analysed: ", "error"), (problem.message, "")]
