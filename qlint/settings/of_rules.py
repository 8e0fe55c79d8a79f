"""Match the settings with the rules there are: selectors, per-file ignores, rule options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.rulebook.registry import all_rules, find_rule, validate_options
from qlint.rulebook.rule import Context
from qlint.settings.in_force import Settings
from qlint.settings.selection import check_selectors, selected_codes


def rule_names() -> dict[str, str]:
    """Map the code of every rule to its name."""
    return {rule.code: rule.name for rule in all_rules()}


def selected(settings: Settings) -> frozenset[str]:
    """Return the codes that the settings select."""
    return selected_codes(rule_names(), settings.select + settings.extend_select, settings.ignore)


def active_rules(settings: Settings) -> tuple[Context, ...]:
    """Return the rules to run, each in the context of its options."""
    codes = selected(settings)
    options = _options_by_code(settings.rules)
    return tuple(
        rule.context(options.get(rule.code), gpu=settings.gpu, model=settings.model)
        for rule in all_rules()
        if rule.scope != "linter" and rule.code in codes
    )


def check_rule_settings(settings: Settings) -> None:
    """Raise UsageError where the settings name a rule or an option that does not exist."""
    names = rule_names()
    for setting in ("select", "extend-select", "ignore"):
        check_selectors(names, settings.get(setting), settings.origins.get(setting, setting))
    for pattern, selectors in settings.per_file_ignores.items():
        check_selectors(names, selectors, f"per-file-ignores of {pattern!r}")
    for code, options in settings.rules.items():
        rule = find_rule(code)
        if rule is None:
            known = (*names, *names.values())
            raise UsageError(f"rules.{code}: no such rule{did_you_mean(code, known) or '.'}")
        try:
            validate_options(rule, options)
        except ValueError as error:
            raise UsageError(f"rules.{code}: {error}") from None


def _options_by_code(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """A table may be headed by a rule's code or by its name."""
    found = {}
    for heading, options in tables.items():
        if rule := find_rule(heading):
            found[rule.code] = options
    return found
