"""How uncertainty is treated, once for all rules.

A rule examines a recipe as if everything in it were certain. :func:`judge` has it examine every
recipe that the input allows:

- every alternative crosses the line: the finding stands, with the mildest severity among them;
- some do, or others are possible that are not known: info, saying under which condition;
- none does, but a feature that is off would cross it: info, naming the feature;
- a value that is unknown without alternatives is None to the rule, which then stays quiet.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from qlint.findings import Finding, Severity
from qlint.recipe import Field, Recipe, State
from qlint.rulebook.rule import Context

_MOST_WORLDS = 64
"""Bound on combinations of alternatives; readers keep at most four for a field."""


Examine: TypeAlias = Callable[[Recipe, Context], "Finding | None"]
"""A rule's decision on a recipe in which nothing it looks at is uncertain."""


@dataclass(frozen=True, slots=True)
class _World:
    """One recipe that the input allows: one choice for each group of uncertain fields."""

    recipe: Recipe
    choice: tuple[int, ...]
    conditions: tuple[str | None, ...]


def judge(
    recipe: Recipe,
    context: Context,
    fields: Sequence[str],
    examine: Examine,
) -> Iterator[Finding]:
    """Findings of ``examine``, which decides on ``fields``, with uncertainty as said above."""
    certain = _judge_alternatives(recipe, context, fields, examine)
    if certain is not None:
        yield certain
        return
    conditions: dict[str, list[str]] = {}
    found: dict[str, Finding] = {}
    for variant in recipe.variants:
        if not any(name in variant.fields for name in fields):
            continue
        changed = replace(recipe, fields={**recipe.fields, **variant.fields}, variants=())
        finding = _judge_alternatives(changed, context, fields, examine)
        if finding is not None:
            found.setdefault(finding.message, finding)
            conditions.setdefault(finding.message, []).append(variant.condition)
    for message, finding in found.items():
        yield _conditional(finding, " or ".join(_widest(conditions[message])))


def _widest(conditions: Sequence[str]) -> list[str]:
    """The conditions, each a row of switches, without those that another one includes."""
    switches = [set(condition.split()) for condition in conditions]
    return [
        condition
        for condition, own in zip(conditions, switches, strict=True)
        if not any(other < own for other in switches)
    ]


def _judge_alternatives(
    recipe: Recipe,
    context: Context,
    fields: Sequence[str],
    examine: Examine,
) -> Finding | None:
    worlds = list(itertools.islice(_worlds(recipe, fields), _MOST_WORLDS + 1))
    examined = [(world, examine(world.recipe, context)) for world in worlds]
    crossing = [(world, finding) for world, finding in examined if finding is not None]
    if not crossing:
        return None
    complete = not any(recipe[name].open_ended for name in fields)
    if complete and len(crossing) == len(worlds) <= _MOST_WORLDS:
        return min((finding for _, finding in crossing), key=lambda found: found.severity.rank)
    _, worst = max(crossing, key=lambda pair: pair[1].severity.rank)
    return _conditional(worst, _condition([world for world, _ in crossing], worlds))


def _condition(crossing: Sequence[_World], worlds: Sequence[_World]) -> str:
    """The conditions under which the line is crossed, without those that make no difference."""
    cases: dict[str, None] = {}
    for world in crossing:
        needed = _needed(world, crossing, worlds)
        cases[" and ".join(world.conditions[group] or "" for group in needed)] = None
    return "" if "" in cases else " or ".join(cases)


def _needed(world: _World, crossing: Sequence[_World], worlds: Sequence[_World]) -> list[int]:
    """The groups of fields whose choice matters for crossing the line in this world."""
    crosses = {other.choice for other in crossing}
    kept = list(range(len(world.choice)))
    for group in list(kept):
        fewer = [other for other in kept if other != group]
        alike = (
            other.choice
            for other in worlds
            if all(other.choice[index] == world.choice[index] for index in fewer)
        )
        if all(choice in crosses for choice in alike):
            kept = fewer
    return kept


def _conditional(finding: Finding, condition: str) -> Finding:
    suffix = f"Only when {condition}." if condition else "Only in one of the possible cases."
    return replace(finding, severity=Severity.INFO, message=f"{finding.message} {suffix}")


def _worlds(recipe: Recipe, fields: Sequence[str]) -> Iterator[_World]:
    """Every combination of alternatives; fields that hang on the same conditions move together."""
    groups: dict[object, list[str]] = {}
    for name in fields:
        field = recipe[name]
        if field.state is State.UNKNOWN and field.alternatives:
            conditions = tuple(alternative.condition for alternative in field.alternatives)
            # Without a condition nothing says that two fields change together.
            key: object = name if None in conditions else conditions
            groups.setdefault(key, []).append(name)
    sizes = [range(len(recipe[names[0]].alternatives)) for names in groups.values()]
    for choice in itertools.product(*sizes):
        chosen: dict[str, Field] = {}
        conditions_met: list[str | None] = []
        for names, index in zip(groups.values(), choice, strict=True):
            for name in names:
                alternative = recipe[name].alternatives[index]
                chosen[name] = Field(State.SET, alternative.value, alternative.origin)
            conditions_met.append(recipe[names[0]].alternatives[index].condition)
        changed = replace(recipe, fields={**recipe.fields, **chosen}) if chosen else recipe
        yield _World(changed, choice, tuple(conditions_met))
