"""Print the page of a rule, given its code or its name: what it finds and why it matters."""

from __future__ import annotations

import argparse
import sys

from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.reporters.output import write
from qlint.rulebook.registry import all_rules, find_rule
from qlint.rulebook.rule import Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("topic", metavar="CODE", help="a rule's code or name, such as QL101")
    parser.add_argument("--color", action=argparse.BooleanOptionalAction)


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    rule = find_rule(arguments.topic)
    if rule is None:
        known = [word for rule in all_rules() for word in (rule.code, rule.name)]
        near = did_you_mean(arguments.topic, known)
        raise UsageError(f"no rule is called {arguments.topic!r}{near or '; see qlint rules.'}")
    page = _without_front_matter(rule)
    color = sys.stdout.isatty() if arguments.color is None else arguments.color
    if color:
        _render(page)
    else:
        write(page)
    return 0


def _without_front_matter(rule: Rule) -> str:
    text = rule.page.read_text(encoding="utf-8")
    return text.split("---\n", 2)[2].lstrip("\n")


def _render(page: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console(force_terminal=True).print(Markdown(page))
