"""The format ``full`` of ``inspect``: one table a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from qlint.linting.report import Report
from qlint.recipe import FIELD_NAMES, Field, Recipe, State
from qlint.reporters.closing import seen
from qlint.reporters.layout import Line, paragraph, plain
from qlint.reporters.skipped_text import skipped
from qlint.reporters.wording import field_value, place, station

_UNSET = re.compile(r"environment variable (\w+) is not set")
_MAXIMUM_VALUE = 48
"""A wider value pushes the columns after it to the right in its own row only."""


def recipes(report: Report, *, quiet: bool = False) -> Iterator[Line]:
    """Yield all runs, then what is built and never used, then what could not be read."""
    for recipe in report.recipes:
        yield from _recipe(recipe)
        yield []
    for dead in report.dead:
        yield [(place(dead.origin), "path"), (f": dead configuration: {dead.what}", "warning")]
    yield from skipped(report)
    if not quiet:
        yield plain(f"{seen(report)}.", "bold")


def _recipe(recipe: Recipe) -> Iterator[Line]:
    yield [
        (place(recipe.source), "path"),
        (f": {recipe.kind} run with {recipe.framework}", "bold"),
    ]
    shown = {name: recipe[name] for name in FIELD_NAMES if recipe[name].state is not State.ABSENT}
    home = recipe.source.path
    yield from _table(shown, "  ", home)
    absent = [name for name in FIELD_NAMES if name not in shown]
    if absent:
        yield from paragraph("absent", ", ".join(absent), 2)
    for variant in recipe.variants:
        yield plain(f"  variant if {variant.condition}:", "bold")
        yield from _table(variant.fields, "    ", home)
    if recipe.inputs:
        yield from paragraph("reads", ", ".join(recipe.inputs), 2)
    for assumption in _together(recipe.assumptions):
        yield plain(f"  assumes: {assumption}", "dim")
    for library, version in recipe.versions.items():
        yield plain(f"  version: {library} {version['version']} ({version['source']})", "dim")


def _together(assumptions: Sequence[str]) -> Iterator[str]:
    """The assumptions, those of variables that nobody sets in one line."""
    names = [found[1] for one in assumptions if (found := _UNSET.fullmatch(one))]
    if len(names) < 2:
        yield from assumptions
        return
    yield from (one for one in assumptions if not _UNSET.fullmatch(one))
    yield f"environment variables {', '.join(names[:-1])} and {names[-1]} are not set"


def _table(fields: Mapping[str, Field], margin: str, home: str) -> Iterator[Line]:
    """Yield one row a field: name, value, state, and where the value was decided.

    Places in ``home``, the run's own file, are written without its path.
    """
    values = {name: field_value(field) for name, field in fields.items()}
    name_width = max((len(name) for name in fields), default=0)
    value_width = min(_MAXIMUM_VALUE, max((len(value) for value in values.values()), default=0))
    for name, field in fields.items():
        # What decided a known value stands first, what stopped the reader stands last.
        decisive = field.origin[:1] if field.known else field.origin[-1:]
        yield [
            (f"{margin}{name:<{name_width}}  ", "bold"),
            (f"{values[name]:<{value_width}}  ", ""),
            (f"{field.state.value:<7}  ", "warning" if field.state is State.UNKNOWN else "dim"),
            ("".join(station(origin, home) for origin in decisive), ""),
        ]
