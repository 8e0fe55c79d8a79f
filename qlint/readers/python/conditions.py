"""Conditions that are not known: what tells one from another, and what follows where one holds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import libcst as cst

from qlint.readers.python.values import OneOf, Option, Unknown, Value


class Condition(str):
    """The text of a condition. Two with one key are the same test, or its opposite."""

    __slots__ = ("holds", "key")

    key: Hashable
    holds: bool

    def __new__(cls, text: str, key: Hashable = None, holds: bool = True) -> Condition:
        """A text, with the key of its test and whether the test holds."""
        made = super().__new__(cls, text)
        made.key = key
        made.holds = holds
        return made


def opposite(left: str | None, right: str | None) -> bool:
    """True when two conditions cannot both hold."""
    return (
        isinstance(left, Condition)
        and isinstance(right, Condition)
        and left.key is not None
        and left.key == right.key
        and left.holds is not right.holds
    )


def narrowed(value: OneOf, facts: Sequence[Condition]) -> Value:
    """What remains of several alternatives where these conditions hold."""
    kept = tuple(
        option
        for option in value.options
        if not any(opposite(option.condition, fact) for fact in facts)
    )
    if not kept or len(kept) == len(value.options):
        return value
    return kept[0].value if len(kept) == 1 else OneOf(kept, value.trace)


def condition_of(
    test: Value, node: cst.BaseExpression, text: str, names: Sequence[Value | None]
) -> tuple[Condition, Condition]:
    """The condition that a test stands for, and its opposite.

    ``names`` are the values of the names in the test: the same text over the same values is the
    same condition.
    """
    key: Hashable = None
    holds = True
    if isinstance(test, OneOf):
        key, holds = _chosen_by(test.options)
    elif isinstance(test, Unknown):
        shown = text
        while isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
            node, holds = node.expression, not holds
            shown = shown.removeprefix("not").strip()
        hardware = test.reason.startswith("hardware-dependent")
        key = (shown, test.reason if hardware else test.trace, tuple(names))
    return Condition(text, key, holds), Condition(f"not ({text})", key, not holds)


def _chosen_by(options: Sequence[Option]) -> tuple[Hashable, bool]:
    """The condition that decides between the alternatives of a test, if there is one."""
    from qlint.readers.python.operators import truth

    key: Hashable = None
    holds = True
    for option in options:
        verdict = truth(option.value)
        condition = option.condition
        if verdict is None or not isinstance(condition, Condition) or condition.key is None:
            return None, True
        agrees = condition.holds is verdict
        if key is None:
            key, holds = condition.key, agrees
        elif key != condition.key or holds is not agrees:
            return None, True
    return key, holds
