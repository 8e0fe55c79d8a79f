"""Reads what the shell lines of a notebook start, each as a run of the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qlint.readers import commands as shell
from qlint.readers.gate import holds_launch
from qlint.readers.launchers import follow
from qlint.readers.launchers.understanding import understand
from qlint.readers.notebook.commands import Action, Command
from qlint.readers.notebook.effects import Started
from qlint.readers.places import LineMap
from qlint.readers.request import Request
from qlint.readers.shell import Script, run_line
from qlint.recipe import Origin, Reading, Recipe


def starts_something(command: Command) -> bool:
    """Whether a shell line starts a script, or a program that may train."""
    if command.action is not Action.SHELL or not holds_launch(
        command.text.encode("utf-8", "replace")
    ):
        return False
    script = run_line(command.text, _places(command, ""), Request(), folder="/")
    return any(understand(one) is not None for one in script.commands)


def follow_line(
    started: Started,
    path: str,
    request: Request,
    versions: Mapping[str, tuple[str, str]],
) -> Reading:
    """The runs that a shell line starts, with the files, variables and versions of that moment."""
    shown = request.display_path or path
    asked = replace(
        request,
        arguments=(),
        environment=started.environment,
        target_versions={name: version for name, (version, _) in versions.items()},
        display_path=shown,
    )
    script: Script = run_line(
        started.text,
        _places(started.command, shown),
        asked,
        folder=started.folder,
        variables=started.variables,
        written=started.written,
    )
    commands = [_as_written(one, started) for one in script.commands]
    reading = follow(commands, asked, path, kind="notebook")
    recipes = tuple(_with_versions(recipe, versions) for recipe in reading.recipes)
    return replace(reading, recipes=recipes)


def _as_written(command: shell.Command, started: Started) -> shell.Command:
    """A command whose words stand where the notebook has them, before anything was filled in."""
    if not started.grown:
        return command
    own = started.command
    lines = started.text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]

    def column(line: int | None, column: int | None) -> int | None:
        number = (line or 0) - own.line
        if column is None or not 0 <= number < len(lines):
            return column
        first = own.start if number == 0 else 1
        position = starts[number] + column - first
        before = [more for end, more in started.grown if starts[number] < end <= position]
        return max(column - sum(before), 1)

    def placed(origin: Origin) -> Origin:
        if origin.cell != own.cell.number:
            return origin
        return replace(
            origin,
            column=column(origin.line, origin.column),
            end_column=column(origin.end_line, origin.end_column),
        )

    words = tuple(replace(one, origin=tuple(map(placed, one.origin))) for one in command.words)
    return replace(command, words=words)


def _places(command: Command, shown: str) -> LineMap:
    places = LineMap(shown)
    for number, _ in enumerate(command.text.split("\n")):
        shift = command.start - 1 if number == 0 else 0
        places.add(command.cell.place(command.line + number, shift))
    return places


def _with_versions(recipe: Recipe, versions: Mapping[str, tuple[str, str]]) -> Recipe:
    """A recipe that says where the notebook's versions were read."""
    shown = {
        name: {"version": versions[name][0], "source": versions[name][1]}
        if name in versions
        else entry
        for name, entry in recipe.versions.items()
    }
    return replace(recipe, versions=shown)
