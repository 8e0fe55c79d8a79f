"""Create the two files of a new rule: its check and its page.

The page comes with its fixed sections and the check with its imports; what is left to write is the
rule. The tests find both files by themselves and say what is missing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from qlint.rulebook.page import SECTIONS
from qlint.rulebook.registry import all_rules, read_rule

_MODULE = Template('''"""$code: say in one line what is wrong with the run."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.rulebook.options import Option
from qlint.recipe import Recipe
from qlint.rulebook.rule import Context
from qlint.rulebook.rule_finding import build_finding
from qlint.rulebook.uncertainty import judge
from qlint.rulebook.wording import described

OPTIONS: dict[str, Option] = {}

_FIELDS = ("learning_rate",)


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report what this rule is about."""
    yield from judge(recipe, context, _FIELDS, _examine)


def _examine(recipe: Recipe, context: Context) -> Finding | None:
    """Decide as if every field were certain; `judge` takes care of those that are not."""
    value = recipe.value("learning_rate")
    if value is None:
        return None
    # Until the line is drawn the rule is silent; then return build_finding(...) as below.
    crossed = False
    if not crossed:
        return None
    return build_finding(
        context,
        recipe,
        _FIELDS,
        f"Say what is wrong with {described(recipe['learning_rate'], str(value))}.",
        impact="Say what it costs in this run, in figures.",
        supporting=("what speaks for it, with its source",),
        opposing=("what speaks against it, with its source",),
        settle=f"qlint probe {recipe.source.path}",
        fix="Say what to set instead.",
    )
''')

_FRONT_MATTER = Template("""---
code: $code
name: $name
severity: warning
confidence: medium
pitfall: none
since: 0.1.0
scope: recipe
summary: Say in one sentence what is wrong.
---

# $name ($code)
""")

_HINTS = {
    "What it does": "Say what is reported and when, and list each option: `option` (default 1).",
    "Why it matters": "Say by which mechanism the run suffers.",
    "Evidence for and against": "For: a figure with its source.\n\nAgainst: the same.",
    "Example": "```python\n# a complete script that the rule reports\n```\n\n"
    "```text\nThe message.\n```",
    "Use instead": "```python\n# the same script, on which the rule is silent\n```",
    "Settle it by measuring": "`qlint probe train.py` measures it.",
    "Fix safety": "Say whether a fix changes the result of training.",
    "References": "- A link for each claim above.",
}


def scaffold(code: str, name: str, directory: Path) -> list[Path]:
    """Write the module and the page of a new rule into ``directory`` and return their paths.

    Raises ``ValueError`` with one sentence where the code or name is malformed or taken.
    """
    _refuse_malformed(code, name)
    stem = name.replace("-", "_")
    files = {
        directory / f"{stem}.py": _MODULE.substitute(code=code),
        directory / f"{stem}.md": _page(code, name),
    }
    _refuse_taken(code, name, directory, list(files))
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``qlint new-rule``."""
    parser.add_argument("code", help="a free code, such as QL108")
    parser.add_argument("name", help="a readable name, such as warmup-too-long")
    parser.add_argument(
        "--directory", type=Path, default=Path("rules"), help="where rules live (default: rules)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Create the files and name them; 2 with one sentence where that is refused."""
    try:
        paths = scaffold(arguments.code, arguments.name, arguments.directory)
    except (ValueError, OSError) as error:
        print(f"qlint new-rule: {error}", file=sys.stderr)
        return 2
    for path in paths:
        print(path)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``qlint new-rule`` with its own parser."""
    parser = argparse.ArgumentParser(prog="qlint new-rule", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def _page(code: str, name: str) -> str:
    sections = (f"## {heading}\n\n{_HINTS[heading]}\n" for heading in SECTIONS)
    return "\n".join((_FRONT_MATTER.substitute(code=code, name=name), *sections))


def _refuse_malformed(code: str, name: str) -> None:
    if not re.fullmatch(r"QL[0-9]{3}", code):
        raise ValueError(f"A code is QL and three digits, such as QL108, not '{code}'.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"A name is words joined by hyphens, in lower case, not '{name}'.")


def _refuse_taken(code: str, name: str, directory: Path, files: Sequence[Path]) -> None:
    if not directory.is_dir():
        raise ValueError(f"There is no folder '{directory}' to create a rule in.")
    existing = (*all_rules(), *(read_rule(page) for page in sorted(directory.glob("*.md"))))
    for rule in existing:
        if code == rule.code:
            raise ValueError(f"{code} is taken by {rule.name}; codes are never reused.")
        if name == rule.name:
            raise ValueError(f"The name {name} is taken by {rule.code}.")
    for path in files:
        if path.exists():
            raise ValueError(f"'{path}' exists already.")


if __name__ == "__main__":
    sys.exit(main())
