"""Moves a reading from the lines of a text put together to the cells and lines it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qlint.readers.commands import Argument, Command
from qlint.readers.places import LineMap
from qlint.recipe import (
    Alternative,
    DeadConfiguration,
    Field,
    Note,
    Origin,
    Problem,
    Recipe,
    Source,
    Variant,
)

Maps = Mapping[str, LineMap]
"""For each path, as shown, where the lines of its text stand."""


def move_origin(origin: Origin, maps: Maps) -> Origin:
    """An origin in the input; unchanged where its path is no put-together text."""
    found = maps.get(origin.path or "")
    if found is None or origin.line is None:
        return origin
    place = found.place(origin.line)
    if place.exactly is not None:
        column, last, last_column = place.exactly
        return replace(
            origin,
            path=found.path,
            line=place.line,
            column=column,
            cell=place.cell,
            physical_line=place.physical_line,
            end_line=last,
            end_column=last_column,
        )
    end_line, end_column = origin.end_line, origin.end_column
    if end_line is not None:
        end = found.place(end_line)
        same = (end.cell, end.path) == (place.cell, place.path)
        end_line = end.line if same else place.line
        end_column = None if end_column is None else end_column + end.shift
    return replace(
        origin,
        path=place.path or found.path,
        line=place.line,
        column=None if origin.column is None else origin.column + place.shift,
        cell=place.cell,
        physical_line=place.physical_line,
        end_line=end_line,
        end_column=end_column,
    )


def move_field(field: Field, maps: Maps) -> Field:
    """A field with all its origins moved."""
    return replace(
        field,
        origin=tuple(move_origin(origin, maps) for origin in field.origin),
        alternatives=tuple(
            Alternative(
                one.value,
                one.condition,
                tuple(move_origin(origin, maps) for origin in one.origin),
            )
            for one in field.alternatives
        ),
    )


def move_source(source: Source, maps: Maps) -> Source:
    """The place of a run."""
    found = maps.get(source.path)
    if found is None:
        return source
    place = found.place(source.line)
    return Source(
        found.path, place.line, source.column + place.shift, place.cell, place.physical_line
    )


def move_recipe(recipe: Recipe, maps: Maps, source: Source | None = None) -> Recipe:
    """A recipe with everything in it moved; ``source`` is where its run stands if told."""
    return replace(
        recipe,
        source=source or move_source(recipe.source, maps),
        fields={name: move_field(field, maps) for name, field in recipe.fields.items()},
        facts={name: move_field(field, maps) for name, field in recipe.facts.items()},
        names={name: move_field(field, maps) for name, field in recipe.names.items()},
        variants=tuple(
            Variant(
                variant.condition,
                {name: move_field(field, maps) for name, field in variant.fields.items()},
            )
            for variant in recipe.variants
        ),
    )


def move_command(command: Command, maps: Maps) -> Command:
    """A command with its words and its place."""

    def moved(argument: Argument) -> Argument:
        return replace(argument, origin=tuple(move_origin(one, maps) for one in argument.origin))

    return replace(
        command,
        words=tuple(map(moved, command.words)),
        source=move_source(command.source, maps),
        environment={name: moved(one) for name, one in command.environment.items()},
    )


def move_dead(dead: DeadConfiguration, maps: Maps) -> DeadConfiguration:
    """A configuration that reaches no run."""
    return replace(dead, origin=move_origin(dead.origin, maps))


def move_note(note: Note, maps: Maps) -> Note:
    """Something odd that a reader saw."""
    other = note.other and move_origin(note.other, maps)
    return replace(note, origin=move_origin(note.origin, maps), other=other)


def move_problem(problem: Problem, maps: Maps) -> Problem:
    """A part that could not be read."""
    found = maps.get(problem.path)
    if found is None or problem.cell is not None:
        return problem
    place = found.place(problem.line)
    return replace(
        problem,
        path=place.path or found.path,
        line=place.line,
        cell=place.cell,
        physical_line=place.physical_line,
        fatal=False,
    )


def identified(recipes: list[Recipe]) -> tuple[Recipe, ...]:
    """The recipes with identifiers made of the places of their runs, each once."""
    taken: dict[str, int] = {}
    found: list[Recipe] = []
    for recipe in recipes:
        source = recipe.source
        cell = f":cell {source.cell}" if source.cell is not None else ""
        base = f"{source.path}{cell}:{source.line}"
        taken[base] = taken.get(base, 0) + 1
        number = taken[base]
        found.append(replace(recipe, id=base if number == 1 else f"{base}#{number}"))
    return tuple(found)
