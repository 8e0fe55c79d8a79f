"""Options of rules: the lines a rule draws, each with a default, a unit and a reason.

A rule declares them in its module as ``OPTIONS: dict[str, Option]``; settings override them under
``[tool.qlint.rules.<code>]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from qlint.near_names import did_you_mean

OptionValue: TypeAlias = "bool | int | float | str | tuple[str, ...]"


@dataclass(frozen=True, slots=True)
class Option:
    """One adjustable line of a rule. The type of ``default`` is the type of the option."""

    default: OptionValue
    description: str

    @property
    def kind(self) -> str:
        """The type that a value has to have, as a word for messages."""
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, int):
            return "a whole number"
        if isinstance(self.default, float):
            return "a number"
        if isinstance(self.default, str):
            return "a string"
        return "a list of strings"

    def accept(self, value: object) -> OptionValue:
        """Return ``value`` in the type of this option; raise ``TypeError`` where it has another."""
        default = self.default
        if isinstance(default, bool):
            if isinstance(value, bool):
                return value
        elif isinstance(default, (int, float)):
            # bool is an int in Python, and `maximum = true` is a slip, not a number.
            if isinstance(value, int) and not isinstance(value, bool):
                return float(value) if isinstance(default, float) else value
            if isinstance(value, float) and isinstance(default, float):
                return value
        elif isinstance(default, str):
            if isinstance(value, str):
                return value
        elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise TypeError(f"must be {self.kind}, not {value!r}")


def merge_options(
    declared: Mapping[str, Option], given: Mapping[str, object], owner: str
) -> dict[str, OptionValue]:
    """Defaults overridden by ``given``; ``ValueError`` in one sentence on a name or type error."""
    merged = {name: option.default for name, option in declared.items()}
    for name, value in given.items():
        if name not in declared:
            raise ValueError(_unknown_option(name, declared, owner))
        try:
            merged[name] = declared[name].accept(value)
        except TypeError as error:
            raise ValueError(f"Option '{name}' of {owner} {error}.") from None
    return merged


def _unknown_option(name: str, declared: Mapping[str, Option], owner: str) -> str:
    if not declared:
        return f"{owner} has no options, so '{name}' cannot be set."
    hint = did_you_mean(name, declared) or f"; it has {', '.join(sorted(declared))}."
    return f"{owner} has no option '{name}'{hint}"
