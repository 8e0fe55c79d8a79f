"""Makes the recipe of a script or a configuration that of the launcher which starts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from qlint.readers.commands import Command
from qlint.readers.inputs_of import with_inputs
from qlint.readers.launchers.folding import IT_RUNS_IF
from qlint.readers.launchers.launch import Launch
from qlint.readers.places import LineMap, WrittenFile
from qlint.readers.relocation import move_recipe, move_source
from qlint.recipe import Field, Json, Kind, Origin, Recipe, Start, State

_OF_ITS_OWN = (
    "argv is empty",
    "argv is [",
    "no command-line overrides",
    "no environment variables",
)
"""Premises of a script or configuration that is read by itself."""
_LONGEST = 300
_LONGEST_TEXT = 60
"""Characters of a text for the shell that are shown: it may be a script of its own."""


def as_run_of(
    recipe: Recipe,
    command: Command,
    launch: Launch,
    kind: Kind,
    maps: Mapping[str, LineMap],
    started: str | None,
    start: Start | None,
) -> Recipe:
    """The run that ``command`` starts; ``started`` is the file it starts, as shown.

    ``maps`` say where the lines of files stand that the launcher writes.
    """
    own = recipe.source.path
    moved = move_recipe(recipe, maps, command.source)
    launcher = command.source.path
    files = [started, own, *with_inputs(moved).inputs]
    made = {path for path, places in maps.items() if not places.stands_in(path)}
    inputs = dict.fromkeys(one for one in files if one and one != launcher and one not in made)
    premises = [one for one in moved.assumptions if not one.startswith(_OF_ITS_OWN)]
    return replace(
        moved,
        kind=kind,
        inputs=tuple(inputs),
        trains_at=recipe.trains_at or move_source(recipe.source, maps),
        assumptions=tuple(dict.fromkeys((*premises, *_premises(command, launch)))),
        start=recipe.start or start,
    )


def _premises(command: Command, launch: Launch) -> Iterable[str]:
    source = command.source
    where = f"cell {source.cell}" if source.cell is not None else f"{source.path}:{source.line}"
    words = " ".join(word.text for word in launch.arguments)[:_LONGEST]
    program = " ".join(launch.program.text.split())
    if launch.starts == "text" and len(program) > _LONGEST_TEXT:
        program = program[:_LONGEST_TEXT].rstrip() + " ..."
    yield f"{program} is started by {where}" + (f" with {words}" if words else "")
    if command.condition:
        yield IT_RUNS_IF + command.condition


def left_open(recipe: Recipe, written: Iterable[tuple[str, WrittenFile]]) -> Recipe:
    """A run without the values that files decide whose contents are not known.

    ``written`` are the files that the launcher writes or changes, as shown.
    """
    lost = {path: file.lost for path, file in written if file.lost is not None}
    unknown = {text: why for _, file in written for text, why in file.open.items()}
    if not lost and not unknown:
        return recipe
    fields = dict(recipe.fields)
    for name, one in recipe.fields.items():
        path = next((origin.path for origin in one.origin if origin.path in lost), None)
        reason = f"{path} is changed before it is read: {lost[path]}" if path in lost else None
        if reason is None:
            texts = list(_texts(one.value))
            reason = next((why for text, why in unknown.items() if _holds(texts, text)), None)
        if reason is not None and one.known:
            place = one.origin[-1] if one.origin else Origin()
            stations = (*one.origin, replace(place, via=reason))
            fields[name] = Field(State.UNKNOWN, None, stations)
    return replace(recipe, fields=fields)


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from _texts(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _texts(inner)


def _holds(texts: Iterable[str], text: str) -> bool:
    return any(text in one for one in texts)
