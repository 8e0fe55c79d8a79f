"""One run that a launcher starts on several ways, of which it takes one, is reported once.

A launcher often resumes where it finds a checkpoint and begins afresh otherwise, or tries a command
again that failed: the same recipe stands on either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from qlint.readers.commands import Command
from qlint.recipe import Recipe, State

_FAILS = " fails"
"""How the condition of ``program || command`` ends."""
IT_RUNS_IF = "it runs if "


@dataclass(frozen=True, slots=True)
class Started:
    """A run, and the command that starts it."""

    recipe: Recipe
    command: Command


def folded(runs: Iterable[Started]) -> list[Recipe]:
    """The runs, each that several ways lead to once; what starts it else is an assumption."""
    kept: list[Started] = []
    for run in runs:
        number = next((i for i, one in enumerate(kept) if _same(one, run)), None)
        if number is None:
            kept.append(run)
        else:
            kept[number] = replace(kept[number], recipe=_either(kept[number], run.command))
    return [one.recipe for one in kept]


def _same(one: Started, other: Started) -> bool:
    first, second = one.recipe, other.recipe
    return (
        (_again(one, other) or _exclude(one.command.conditions, other.command.conditions))
        and first.trains_at == second.trains_at
        and _values(first) == _values(second)
        and first.versions == second.versions
    )


def _again(one: Started, other: Started) -> bool:
    """Whether a loop or a function runs one and the same command again."""
    first, second = one.command, other.command
    return first.source == second.source and first.words == second.words


def _values(recipe: Recipe) -> dict[str, tuple[State, object]]:
    return {name: (one.state, one.value) for name, one in recipe.fields.items()}


def _exclude(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether only one of two ways is taken, going by the first condition that they differ in."""
    for first, second in zip(one, other, strict=False):
        if first != second:
            return first == f"not ({second})" or second == f"not ({first})" or _arms(first, second)
    rest = (*one[len(other) :], *other[len(one) :])
    return bool(rest) and rest[0].endswith(_FAILS)


def _arms(one: str, other: str) -> bool:
    """Whether two conditions are arms of one ``case``."""
    subject, middle, _ = one.partition(" is ")
    return bool(middle) and other.partition(" is ")[:2] == (subject, middle)


def _either(run: Started, command: Command) -> Recipe:
    recipe, source = run.recipe, command.source
    if source == run.command.source:
        return recipe
    where = f"cell {source.cell}" if source.cell is not None else f"{source.path}:{source.line}"
    premises = [one for one in recipe.assumptions if not one.startswith(IT_RUNS_IF)]
    added = f"{where} starts it as well" + (
        f", if {command.condition}" if command.condition else ""
    )
    return replace(recipe, assumptions=tuple(dict.fromkeys((*premises, added))))
