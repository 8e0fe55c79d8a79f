"""List the rules: code, name, severity, pitfall and what each finds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from qlint.reporters.json_text import as_json
from qlint.reporters.layout import Line
from qlint.reporters.output import write, write_lines
from qlint.rulebook.registry import all_rules
from qlint.rulebook.rule import Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--output-format", choices=("full", "json"), default="full")
    parser.add_argument("--color", action=argparse.BooleanOptionalAction)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    if arguments.output_format == "json":
        write(as_json({"rules": [_value(rule) for rule in all_rules()]}))
    else:
        write_lines(_layout(all_rules()), color=arguments.color)
    return 0


def _value(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "confidence": rule.confidence.value,
        "pitfall": rule.pitfall,
        "since": rule.since,
        "summary": rule.summary,
    }


def _layout(rules: tuple[Rule, ...]) -> Iterator[Line]:
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        pitfall = f"pitfall {rule.pitfall}" if rule.pitfall else ""
        yield [
            (rule.code, "code"),
            (f"  {rule.name:<{width}}  ", "bold"),
            (f"{rule.severity.value:<7}", rule.severity.value),
            (f"  {pitfall:<9}  {rule.summary}", ""),
        ]
