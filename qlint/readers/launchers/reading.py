"""From the bytes of a launcher to a Reading."""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.launch_syntax import read_launcher
from qlint.readers.launchers.following import follow
from qlint.readers.request import Request
from qlint.recipe import Reading


def read_launched(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs that a shell script, Makefile, Dockerfile or ``launch.json`` starts.

    Never raises for what stands in the file. A launcher that starts no training is an empty
    Reading.
    """
    shown = request.display_path or path
    script = read_launcher(path, data, request)
    inner = replace(request, arguments=(), display_path=shown)
    reading = follow(script.commands, inner, path)
    if not reading.recipes and not reading.problems:
        return Reading(shown)
    recipes = tuple(
        replace(one, assumptions=(*one.assumptions, *script.assumptions)) for one in reading.recipes
    )
    return replace(reading, recipes=recipes, problems=(*script.problems, *reading.problems))
