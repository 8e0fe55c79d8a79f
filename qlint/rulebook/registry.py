"""Finds the rules: every page in the package ``qlint.rules`` is one.

Only the front matter of the pages is read here, so that listing rules stays quick; a rule's module
is imported when its check first runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from qlint.findings import Confidence, Severity
from qlint.rulebook.options import OptionValue, merge_options
from qlint.rulebook.rule import SCOPES, Rule, Scope


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every rule, sorted by code."""
    package = importlib.import_module("qlint.rules")
    pages = (page for folder in package.__path__ for page in Path(folder).glob("*.md"))
    return tuple(sorted((read_rule(page) for page in pages), key=lambda rule: rule.code))


def find_rule(code_or_name: str) -> Rule | None:
    """The rule with this code (``QL101``) or name (``learning-rate-from-lora``), in any case."""
    wanted = code_or_name.strip().casefold().replace("_", "-")
    for rule in all_rules():
        if wanted in (rule.code.casefold(), rule.name):
            return rule
    return None


def validate_options(rule: Rule, options: Mapping[str, object]) -> dict[str, OptionValue]:
    """The rule's options with defaults filled in.

    Raises ``ValueError`` with one sentence on an unknown name or a value of the wrong type.
    """
    return merge_options(rule.options, options, rule.code)


def read_rule(page: Path) -> Rule:
    """The rule that a page describes; ``ValueError`` names the page where it cannot be read."""
    matter = front_matter(page)
    try:
        return Rule(
            code=matter["code"],
            name=matter["name"],
            severity=Severity(matter["severity"]),
            confidence=Confidence(matter["confidence"]),
            pitfall=None if matter["pitfall"] == "none" else int(matter["pitfall"]),
            since=matter["since"],
            summary=matter["summary"],
            scope=_scope(matter["scope"]),
            page=page,
        )
    except KeyError as error:
        raise ValueError(f"{page.name}: the front matter lacks {error}.") from None
    except ValueError as error:
        raise ValueError(f"{page.name}: {error}.") from None


def front_matter(page: Path) -> dict[str, str]:
    """The ``key: value`` lines between the page's first two ``---`` lines.

    A page needs nothing more than flat strings, and importing a YAML parser would cost ten times
    what reading all pages does.
    """
    with page.open(encoding="utf-8") as lines:
        if next(lines, "").strip() != "---":
            raise ValueError(f"{page.name}: a rule's page starts with a line '---'.")
        matter: dict[str, str] = {}
        for line in lines:
            if line.strip() == "---":
                return matter
            key, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"{page.name}: not 'key: value' in the front matter: {line!r}.")
            matter[key.strip()] = value.strip()
    raise ValueError(f"{page.name}: the front matter is not closed with a line '---'.")


def _scope(text: str) -> Scope:
    for scope in SCOPES:
        if text == scope:
            return scope
    raise ValueError(f"scope must be one of {', '.join(SCOPES)}, not {text!r}")
