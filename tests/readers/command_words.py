"""Command lines for tests: words with the place where they stand in a launcher."""

from __future__ import annotations

import shlex
import textwrap

from qlint.readers import read
from qlint.readers.commands import Argument
from qlint.readers.frameworks.command_lines import read_program
from qlint.readers.request import Request
from qlint.recipe import Origin, Reading, Recipe, Source

LAUNCHER = "run.sh"


def words(line: str) -> tuple[Argument, ...]:
    """The words of a line; one with a ``$`` in it is not known."""
    return tuple(
        Argument(word, (Origin(LAUNCHER, 7, position),), "by a command" if "$" in word else None)
        for position, word in enumerate(shlex.split(line), start=1)
    )


def overridden(text: str, line: str, suffix: str = ".yaml", **environment: str) -> Reading:
    """A configuration as it is read when it is started with the words of ``line``."""
    variables = {name: words(value)[0] for name, value in environment.items()}
    path = f"config{suffix}"
    request = Request(words(line), display_path=path, environment=variables)
    return read(path, textwrap.dedent(text).lstrip("\n").encode(), request)


def started(line: str, **environment: str) -> Reading | None:
    """What a command alone says: its first word is the program."""
    program, *rest = words(line)
    variables = {name: words(value)[0] for name, value in environment.items()}
    return read_program(program.text, rest, Source(LAUNCHER, 7), Request(environment=variables))


def run_of(line: str, **environment: str) -> Recipe:
    """The only run that a command starts."""
    reading = started(line, **environment)
    assert reading is not None
    (recipe,) = reading.recipes
    return recipe
