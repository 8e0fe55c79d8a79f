"""The lines after the findings: counts by rule, and what was looked at."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.linting.report import Report
from qlint.reporters.layout import Line, plain
from qlint.reporters.wording import count


def statistics(report: Report) -> Iterator[Line]:
    """Yield how often each rule found something, the most frequent first."""
    by_code = report.summary()["by_code"]
    names = {finding.code: finding.name for finding in report.findings}
    for code, number in sorted(by_code.items(), key=lambda item: (-item[1], item[0])):
        yield [(f"{number:>5}  ", ""), (code, "code"), (f"  {names[code]}", "")]


def seen(report: Report) -> str:
    """Return how much was looked at."""
    summary = report.summary()
    files = count(summary["files"], "file")
    if not summary["runs"]:
        return f"No training run found in {files}"
    return f"{count(summary['runs'], 'run')} in {files}"


def closing_line(report: Report) -> Line:
    """Return the sentence that sums up."""
    by_severity = [
        f"{number} info" if severity == "info" else count(number, severity)
        for severity, number in report.summary()["findings"].items()
        if number
    ]
    if by_severity:
        return plain(f"Found {', '.join(by_severity)} ({seen(report)}).", "bold")
    if not report.recipes:
        return plain(f"{seen(report)}.", "bold")
    return plain(f"Nothing found ({seen(report)}).", "bold")
