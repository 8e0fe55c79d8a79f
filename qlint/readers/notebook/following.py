"""Reads what the shell lines of a notebook start, each as a run of the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qlint.readers.gate import holds_launch
from qlint.readers.launchers import follow
from qlint.readers.launchers.understanding import understand
from qlint.readers.notebook.commands import Action, Command
from qlint.readers.notebook.effects import Started
from qlint.readers.places import LineMap
from qlint.readers.request import Request
from qlint.readers.shell import Script, run_line
from qlint.recipe import Reading, Recipe


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
    reading = follow(script.commands, asked, path, kind="notebook")
    recipes = tuple(_with_versions(recipe, versions) for recipe in reading.recipes)
    return replace(reading, recipes=recipes)


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
