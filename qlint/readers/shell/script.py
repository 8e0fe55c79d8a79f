"""What was read from a launcher: the commands that it runs, and what was presumed on the way."""

from __future__ import annotations

from typing import NamedTuple

from qlint.readers.commands import Command
from qlint.recipe import Problem


class Script(NamedTuple):
    """The commands of a launcher in the order in which they run.

    ``problems`` are parts that could not be read, ``assumptions`` the premises that the commands
    rest on (started without arguments, an environment variable that is not set).
    """

    commands: tuple[Command, ...] = ()
    problems: tuple[Problem, ...] = ()
    assumptions: tuple[str, ...] = ()
