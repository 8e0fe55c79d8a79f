"""From the bytes of a launcher to a Reading."""

from __future__ import annotations

from dataclasses import replace

from qlint.readers.launch_syntax import read_launcher
from qlint.readers.launch_syntax.job_files import read_job_file
from qlint.readers.launchers.following import follow
from qlint.readers.request import Request
from qlint.readers.shell import Script
from qlint.recipe import Reading


def read_launched(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs that a shell script, Makefile, Dockerfile or ``launch.json`` starts.

    Never raises for what stands in the file. A launcher that starts no training is an empty
    Reading.
    """
    return _read(path, read_launcher(path, data, request), request)


def read_job(path: str, data: bytes, request: Request) -> Reading:
    """Read the runs that a YAML file starts which describes a job for a cluster or a container.

    Never raises for what stands in the file. A file that describes no job is an empty Reading.
    """
    return _read(path, read_job_file(path, data, request), request)


def _read(path: str, script: Script, request: Request) -> Reading:
    shown = request.display_path or path
    inner = replace(request, arguments=(), display_path=shown)
    reading = follow(script.commands, inner, path)
    if not reading.recipes and not reading.problems:
        return Reading(shown)
    recipes = tuple(
        replace(one, assumptions=(*one.assumptions, *script.assumptions)) for one in reading.recipes
    )
    return replace(reading, recipes=recipes, problems=(*script.problems, *reading.problems))
