"""``inspect --why FIELD``: how each run comes to its value of one field."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.findings import Location
from qlint.linting.report import Report
from qlint.recipe import Origin, Recipe, State
from qlint.reporters.closing import seen
from qlint.reporters.excerpt import excerpt
from qlint.reporters.layout import Line, plain
from qlint.reporters.skipped_text import skipped
from qlint.reporters.wording import place, station, value


def derivations(report: Report, name: str) -> Iterator[Line]:
    """Yield the derivation in every run, from where the value is decided to where it is used."""
    for recipe in report.recipes:
        yield from _derivation(report, recipe, name)
        yield []
    yield from skipped(report)
    if not report.recipes:
        yield plain(f"{seen(report)}.", "bold")


def _derivation(report: Report, recipe: Recipe, name: str) -> Iterator[Line]:
    field = recipe[name]
    head: Line = [(place(recipe.source), "path"), (f": {name}", "bold")]
    if field.known:
        yield [*head, (f" = {value(field.value)} ({field.state.value})", "bold")]
    elif field.state is State.UNKNOWN:
        yield [*head, (" is unknown", "warning"), (f": {field.reason or 'no reason given'}", "")]
    else:
        yield [*head, (f" is absent: {field.reason or 'it has no meaning for this run'}", "dim")]
    if field.condition:
        yield plain(f"  if {field.condition}")
    yield from _stations(report, field.origin, "  ")
    for alternative in field.alternatives:
        condition = f" if {alternative.condition}" if alternative.condition else ""
        yield plain(f"  possibly {value(alternative.value)}{condition}", "bold")
        yield from _stations(report, alternative.origin, "    ")
    for variant in recipe.variants:
        if name in variant.fields:
            changed = variant.fields[name]
            yield plain(f"  {value(changed.value)} if {variant.condition}", "bold")
            yield from _stations(report, changed.origin, "    ")


def _telling(origins: tuple[Origin, ...]) -> list[Origin]:
    """The stations that add something: no inner parts of an expression, no reason twice."""
    kept: list[Origin] = []
    for origin in origins:
        if kept and _start(kept[-1]) == _start(origin):
            if kept[-1].via is None:
                kept.pop()  # ``Path(...)`` of ``Path(...).parents[2]``.
            elif any(origin.via == earlier.via for earlier in kept):
                continue
        kept.append(origin)
    return kept


def _start(origin: Origin) -> tuple[object, ...]:
    return (origin.path, origin.line, origin.column, origin.cell)


def _stations(report: Report, origins: tuple[Origin, ...], margin: str) -> Iterator[Line]:
    for number, origin in enumerate(_telling(origins), 1):
        yield plain(f"{margin}{number}. {station(origin)}")
        if origin.path is not None and origin.line is not None:
            location = Location(
                origin.path,
                origin.line,
                origin.column or 1,
                origin.end_line,
                origin.end_column,
                origin.cell,
                origin.physical_line,
            )
            for line in excerpt(location, report.sources):
                yield [(margin + "   ", ""), *line]
