"""Lint training scripts: report what will ruin a QLoRA run, with the evidence for and against.

Arguments after -- are given to the script's own parser.
"""

from __future__ import annotations

import argparse
import sys

from qlint.commands.options import (
    add_input_arguments,
    add_output_arguments,
    add_planned_arguments,
    add_rule_arguments,
    make_session,
)
from qlint.linting.linter import lint
from qlint.linting.report import Report
from qlint.linting.session import Session
from qlint.reporters.layout import Line
from qlint.reporters.output import write, write_lines
from qlint.settings.in_force import OUTPUT_FORMATS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_input_arguments(parser)
    add_rule_arguments(parser)
    add_output_arguments(parser, OUTPUT_FORMATS)
    parser.add_argument("--statistics", action="store_true", help="count the findings by rule")
    add_planned_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lint, print, and return the exit status."""
    session = make_session(arguments)
    report = _lint(session, arguments.quiet)
    if arguments.verbose:
        _tell(report)
    output_format = session.settings.output_format
    if output_format.startswith("json"):
        write(_json(report, output_format), arguments.output_file)
    else:
        _write_text(report, output_format, arguments)
    return report.status(session.settings.fail_on)


def _lint(session: Session, quiet: bool) -> Report:
    """Lint; a terminal shows how far it is."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return lint(session)
    from qlint.reporters.progress import ProgressLine

    with ProgressLine(sys.stderr) as progress:
        return lint(session, progress=progress)


def _json(report: Report, output_format: str) -> str:
    from qlint.reporters.json_text import as_json, as_json_lines
    from qlint.reporters.structured import check_report, finding_value

    if output_format == "json":
        return as_json(check_report(report))
    return as_json_lines([finding_value(finding) for finding in report.findings])


def _write_text(report: Report, output_format: str, arguments: argparse.Namespace) -> None:
    from qlint.reporters.closing import closing_line, statistics

    lines: list[Line] = []
    if report.findings:
        from qlint.reporters import findings_text

        layout = findings_text.full if output_format == "full" else findings_text.concise
        lines += layout(report)
    if arguments.statistics:
        lines += statistics(report)
    if not arguments.quiet:
        lines.append(closing_line(report))
    write_lines(lines, color=arguments.color, output_file=arguments.output_file)


def _tell(report: Report) -> None:
    """Say on standard error what was looked at, so that the report itself stays the same."""
    with_runs = {recipe.source.path for recipe in report.recipes}
    for path in report.inputs:
        print(f"{path}: {'read' if path in with_runs else 'holds no run'}", file=sys.stderr)
