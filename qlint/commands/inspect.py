"""Print the effective recipe of every run found, each value with where it comes from.

Arguments after -- are given to the script's own parser.
"""

from __future__ import annotations

import argparse

from qlint.commands.options import add_input_arguments, add_output_arguments, make_session
from qlint.errors import UsageError
from qlint.linting.linter import lint
from qlint.linting.report import Report
from qlint.reporters.output import write, write_lines

FORMATS = ("full", "json", "json-lines")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_input_arguments(parser)
    add_output_arguments(parser, FORMATS)
    parser.add_argument("--why", metavar="FIELD", help="print the whole derivation of one value")


def run(arguments: argparse.Namespace) -> int:
    """Read, print, and return the exit status."""
    if arguments.why is not None:
        _check_field(arguments.why)
    chosen_format = arguments.output_format or "full"
    report = lint(make_session(arguments), check=False)
    if chosen_format.startswith("json"):
        write(_json(report, chosen_format), arguments.output_file)
    else:
        from qlint.reporters import derivation_text, recipe_text

        if arguments.why is not None:
            lines = derivation_text.derivations(report, arguments.why)
        else:
            lines = recipe_text.recipes(report, quiet=arguments.quiet)
        write_lines(lines, color=arguments.color, output_file=arguments.output_file)
    return report.status("error")


def _check_field(name: str) -> None:
    from qlint.near_names import did_you_mean
    from qlint.recipe import FIELD_NAMES

    if name not in FIELD_NAMES:
        near = did_you_mean(name, FIELD_NAMES)
        raise UsageError(f"--why: no recipe field is called {name!r}{near or '.'}")


def _json(report: Report, chosen_format: str) -> str:
    from qlint.reporters.json_text import as_json, as_json_lines
    from qlint.reporters.structured import inspect_report, recipe_value

    if chosen_format == "json":
        return as_json(inspect_report(report))
    return as_json_lines([recipe_value(recipe) for recipe in report.recipes])
