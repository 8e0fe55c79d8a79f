"""Reads a Python script: its own runs, and those of the programs that it starts."""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.companions.of_reading import with_companions
from qlint.readers.python.reader import evaluate_python
from qlint.readers.relocation import identified
from qlint.readers.request import Request
from qlint.recipe import Reading


def read_script(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs of a script. What cannot be analysed is a Problem, never an exception."""
    evaluated = evaluate_python(path, data, request)
    reading = with_companions(evaluated.reading, path, request)
    if not evaluated.commands:
        return reading
    from qlint.readers.launchers import follow

    shown = request.display_path or path
    asked = replace(request, arguments=(), display_path=shown)
    started = follow(evaluated.commands, asked, path, kind="python")
    return Reading(
        shown,
        identified([*reading.recipes, *started.recipes]),
        (*reading.dead, *started.dead),
        (*reading.problems, *started.problems),
        (*reading.notes, *started.notes),
        reading.companions,
    )
