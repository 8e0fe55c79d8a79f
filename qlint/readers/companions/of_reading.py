"""Joins what the runs of one input name to them, wherever that lies in the project."""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.inputs_of import with_inputs
from qlint.readers.project_files import ProjectFiles
from qlint.readers.request import Request
from qlint.recipe import Reading


def with_companions(reading: Reading, path: str, request: Request) -> Reading:
    """A reading whose runs take in the configurations that they name."""
    reading = replace(reading, recipes=tuple(map(with_inputs, reading.recipes)))
    if not any(recipe.names for recipe in reading.recipes):
        return reading
    # Few runs name any, and to know the formats takes a dozen modules.
    from qlint.readers.companions.joining import join_named
    from qlint.readers.companions.loading import MAXIMUM_BYTES

    files = ProjectFiles(path, request.root, request.display, request.written, request.started_in)

    def read(text: str) -> tuple[str, bytes] | None:
        found = files.resolve(text)
        data = files.read_bytes(found, MAXIMUM_BYTES) if found is not None else None
        return None if found is None or data is None else (files.display(found), data)

    recipes, notes = join_named(reading.recipes, read)
    return replace(reading, recipes=recipes, notes=(*reading.notes, *notes))
