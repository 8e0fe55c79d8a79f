"""Reads the scripts that a notebook's shell lines start, each as a run of the notebook."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

from qlint import readers
from qlint.readers.commands import Argument
from qlint.readers.notebook.effects import Started
from qlint.readers.notebook.launches import Launch, find_launches
from qlint.readers.notebook.relocation import move_dead, move_note, move_problem, move_recipe
from qlint.readers.places import LineMap
from qlint.readers.python.project import Project, without_home
from qlint.readers.request import Request
from qlint.recipe import Field, Origin, Problem, Reading, Recipe, Source, State

MAXIMUM_SCRIPT = 5_000_000
_ON_COMMAND_LINE = " on the command line"
_UNFILLED = re.compile(r"\{[^{}]+\}|\$\{?[A-Za-z_]")
_TRAINS = re.compile(r"train|tun(?:e|ing)|sft|dpo|q?lora", re.I)
_OTHER = re.compile(r"merge|convert|eval|export|infer|test|predict|prepare|download|chat", re.I)


class Followed:
    """What the scripts hold that a shell line starts."""

    def __init__(self) -> None:
        self.recipes: list[Recipe] = []
        self.readings: list[Reading] = []
        self.problems: list[Problem] = []


def follow(
    started: Started,
    shown: str,
    project: Project,
    request: Request,
    versions: Mapping[str, tuple[str, str]],
) -> Followed:
    """Read every script that a shell line starts, where it is written or lies on disk."""
    followed = Followed()
    for launch in find_launches(started.text):
        path = _find(launch, started, project)
        if path is None:
            _note_absent(followed, launch, started, shown)
        elif os.path.splitext(path)[1].lower() in readers.SUFFIXES:
            _read(followed, launch, path, started, shown, project, request, versions)
    return followed


def _find(launch: Launch, started: Started, project: Project) -> str | None:
    if _UNFILLED.search(launch.script):
        return None
    path = os.path.normpath(os.path.join(started.folder, without_home(launch.script)))
    if path in started.written or (project.inside(path) and os.path.isfile(path)):
        return path
    return project.resolve(launch.script)


def _note_absent(followed: Followed, launch: Launch, started: Started, shown: str) -> None:
    name = os.path.basename(launch.script)
    if launch.is_module or not _TRAINS.search(name) or _OTHER.search(name):
        return
    command = started.command
    place = command.cell.place(command.line)
    followed.problems.append(
        Problem(
            shown,
            f"{launch.script}, which is started here, is not there: its run is not read",
            command.line,
            command.column,
            place.cell,
            place.physical_line,
            fatal=False,
        )
    )


def _read(
    followed: Followed,
    launch: Launch,
    path: str,
    started: Started,
    shown: str,
    project: Project,
    request: Request,
    versions: Mapping[str, tuple[str, str]],
) -> None:
    written = started.written.get(path)
    data = written.data if written is not None else project.read_bytes(path, MAXIMUM_SCRIPT)
    if data is None:
        return
    reading = readers.read(
        path,
        data,
        replace(
            request,
            arguments=tuple(Argument(text) for text in launch.arguments),
            target_versions={name: version for name, (version, _) in versions.items()},
            display_path=project.display(path),
            written=started.written,
            started_in=started.folder,
        ),
    )
    maps = {project.display(one): file.places for one, file in started.written.items()}
    for recipe in reading.recipes:
        followed.recipes.append(_as_run_of(recipe, launch, started, shown, maps, versions))
    dead = tuple(move_dead(one, maps) for one in reading.dead)
    notes = tuple(move_note(one, maps) for one in reading.notes)
    followed.readings.append(Reading(reading.path, dead=dead, notes=notes))
    followed.problems += [
        replace(move_problem(problem, maps), fatal=False) for problem in reading.problems
    ]


def _as_run_of(
    recipe: Recipe,
    launch: Launch,
    started: Started,
    shown: str,
    maps: Mapping[str, LineMap],
    versions: Mapping[str, tuple[str, str]],
) -> Recipe:
    command = started.command
    place = command.cell.place(command.line)
    source = Source(shown, command.line, command.column, place.cell, place.physical_line)
    moved = move_recipe(recipe, maps, source)
    fields = {name: _with_command(field, source, launch) for name, field in moved.fields.items()}
    if launch.processes > 1:
        _multiply(fields, source, launch.processes)
    argv = " ".join(launch.arguments)
    premise = f"{launch.script} is started by cell {place.cell}" + (f" with {argv}" if argv else "")
    kept = [one for one in moved.assumptions if not one.startswith(("argv is", "one process"))]
    shown_versions = {
        name: {"version": versions[name][0], "source": versions[name][1]}
        if name in versions
        else entry
        for name, entry in moved.versions.items()
    }
    return replace(
        moved,
        kind="notebook",
        fields=fields,
        assumptions=(*kept, premise),
        versions=shown_versions,
    )


def _with_command(field: Field, source: Source, launch: Launch) -> Field:
    """A field whose values from the command line say where that stands."""

    def placed(origin: Origin) -> Origin:
        if origin.path is not None or not (origin.via or "").endswith(_ON_COMMAND_LINE):
            return origin
        return replace(
            origin,
            path=source.path,
            line=source.line,
            column=source.column,
            cell=source.cell,
            physical_line=source.physical_line,
        )

    origins = tuple(placed(origin) for origin in field.origin)
    given = next(
        (one.via for one in field.origin if (one.via or "").endswith(_ON_COMMAND_LINE)), None
    )
    label = (given or "").removesuffix(_ON_COMMAND_LINE)
    if label and label in _unfilled(launch):
        reason = f"{label} is given a value that is known only when the notebook runs"
        return Field(State.UNKNOWN, None, (*origins, replace(origins[-1], via=reason)))
    return replace(field, origin=origins)


def _unfilled(launch: Launch) -> set[str]:
    """Options whose value is a placeholder that could not be filled in."""
    found = set()
    before = ""
    for word in launch.arguments:
        name, equals, value = word.partition("=")
        if _UNFILLED.search(value if equals else word):
            found.add(name if equals else before)
        before = word
    return found


def _multiply(fields: dict[str, Field], source: Source, processes: int) -> None:
    """Several processes: the launcher says how many, whatever the script assumes."""
    said = Origin(
        source.path,
        source.line,
        source.column,
        source.cell,
        source.physical_line,
        f"{processes} processes started",
    )
    fields["world_size"] = Field(State.SET, processes, (said,))
    kind = fields.get("distributed")
    if kind is not None and kind.value == "none":
        fields["distributed"] = Field(State.SET, "ddp", (said,))
    batch = fields.get("effective_batch_size")
    if batch is not None and batch.known and isinstance(batch.value, int):
        value = batch.value * processes
        fields["effective_batch_size"] = replace(
            batch, state=State.SET, value=value, origin=(*batch.origin, said)
        )
