"""Reads shell scripts: a partial evaluator that runs nothing and yields the commands run."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.readers.commands import Argument
from qlint.readers.places import LineMap, WrittenFile
from qlint.readers.request import Request
from qlint.readers.shell.script import Script

__all__ = ["Script", "read_commands", "run_line"]


def read_commands(path: str, data: bytes, request: Request) -> Script:
    """The commands of a bash or sh script, in the order in which they run.

    ``request.arguments`` are its ``$1 $2 ...``, ``request.environment`` the variables set for it,
    ``request.started_in`` the folder in which it is started, otherwise its own.
    """
    return Script()


def run_line(
    text: str,
    places: LineMap,
    request: Request,
    *,
    folder: str,
    variables: Mapping[str, Argument] | None = None,
    written: Mapping[str, WrittenFile] | None = None,
) -> Script:
    """The commands of shell text that stands within another input.

    A notebook's ``!`` line, a Dockerfile's RUN, a recipe line of a Makefile, the string that
    ``os.system`` is given. ``places`` says where each line of ``text`` stands: ``Place.shift`` is
    how many columns stand in front of it there. ``folder`` is the absolute path of the folder in
    which it runs, ``variables`` are known besides ``request.environment`` and not exported.
    """
    return Script()
