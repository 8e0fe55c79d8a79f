"""The order in which companions are joined to a recipe, and what happens where one is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from qlint.readers.companions import accelerate, deepspeed
from qlint.readers.companions.loading import NotThere, Read, load_companion
from qlint.readers.companions.merging import Merging, is_on
from qlint.recipe import Companion, Field, Note, Origin, Recipe, State

_FORMATS = ("accelerate", "deepspeed", "fsdp")


def join_named(
    recipes: Iterable[Recipe], read: Read
) -> tuple[tuple[Recipe, ...], tuple[Note, ...]]:
    """The recipes with the configurations that they name themselves, and what contradicts them."""
    joined: list[Recipe] = []
    notes: list[Note] = []
    for recipe in recipes:
        merging = Merging(recipe)
        for format_name in _FORMATS:
            named = recipe.names.get(format_name)
            if named is not None:
                _join(merging, format_name, named, read)
        joined.append(merging.done() if recipe.names else recipe)
        notes += merging.notes
    return tuple(joined), tuple(notes)


def join_started(
    recipe: Recipe, told: Companion | None, read: Read, lost: tuple[str, Field] | None = None
) -> tuple[Recipe, tuple[Note, ...]]:
    """A recipe with what ``accelerate launch`` is told by its options and its file.

    ``lost`` is the reason why the file that it is given, the field, is not read.
    """
    merging = Merging(recipe)
    if lost is not None:
        _lose(merging, "accelerate", *lost)
    if told is not None:
        _merge(merging, told, (), read)
    return merging.done(), tuple(merging.notes)


def _join(merging: Merging, format_name: str, named: Field, read: Read) -> None:
    try:
        companion, notes = load_companion(format_name, named, read)
    except NotThere as missing:
        if named.value is not None or named.state is State.UNKNOWN:
            _lose(merging, format_name, str(missing), named)
        return
    merging.notes += notes
    if not isinstance(named.value, dict):
        merging.inputs.append(companion.source.path)
    _merge(merging, companion, named.origin, read)


def _merge(merging: Merging, companion: Companion, named: tuple[Origin, ...], read: Read) -> None:
    merging.share(companion)
    if companion.format == "deepspeed":
        deepspeed.merge(merging, companion, *named)
    elif companion.format == "accelerate":
        accelerate.merge(merging, companion, *named)
        further = accelerate.chained(companion)
        # A file that names itself is not of DeepSpeed, so no chain is longer than this.
        if further is not None and further.value not in (None, "", "none"):
            _join(merging, "deepspeed", further, read)
    elif companion.format == "fsdp":
        if is_on(companion.fields.get("gradient_checkpointing")):
            merging.take("gradient_checkpointing", companion, *named)
        if merging.field("distributed").value != "fsdp":
            merging.take("distributed", companion, *named)


def _lose(merging: Merging, format_name: str, reason: str, named: Field) -> None:
    """What a configuration that is not there leaves open."""
    origin = named.origin
    place = origin[-1] if origin else Origin()
    if format_name == "deepspeed" and named.state is State.UNKNOWN:
        if merging.field("distributed").state is not State.SET:
            merging.fields["distributed"] = named  # It may be that none is named.
    elif format_name == "deepspeed":
        station = replace(place, via=f"DeepSpeed is named; {reason}")
        merging.fields["distributed"] = Field(State.SET, "deepspeed", (*origin, station))
        premise = "no optimizer, scheduler or batch size of its own"
        merging.assumptions.append(f"{reason}: {premise}")
    elif format_name == "accelerate":
        merging.lose(accelerate.DECIDES, reason, origin)
