"""What a command line installs: ``pip install``, ``uv pip install``, ``conda install``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from qlint.readers.version_files.environments import conda_requirement
from qlint.readers.version_files.requirements import requirement
from qlint.readers.versions import Pin

_INSTALLS = re.compile(r"\b(?:pip3?|pipenv|uv|conda|mamba|micromamba)\b.{0,80}?\b(?:install|add)\b")
_CONDA = re.compile(r"\b(?:conda|mamba|micromamba)\b")
_SEPARATORS = frozenset({"&&", "||", ";", "|", "&"})
_FILES = ("-r", "--requirement", "-c", "--constraint")


def installed(text: str, path: str, line: int) -> Iterator[Pin | str]:
    """What a shell line installs, in its order: pins, and names of files of requirements.

    ``path`` and ``line`` are where the line stands. A range that the shell would take for a
    redirection is taken for what it was meant as.
    """
    for command in _commands(text):
        joined = " ".join(command)
        if _INSTALLS.search(joined):
            yield from _of_command(command, _CONDA.search(joined) is not None, path, line)


def _of_command(command: list[str], conda: bool, path: str, line: int) -> Iterator[Pin | str]:
    following = iter(command)
    for word in following:
        name, equals, value = word.partition("=")
        if word in _FILES:
            yield next(following, "")
        elif equals and name in _FILES:
            yield value
        elif word.startswith("-r") and len(word) > 2:
            yield word[2:]
        elif conda and not word.startswith("-"):
            yield from conda_requirement(word, path, line)
        elif not word.startswith("-"):
            yield from requirement(word, path, line)


def _commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell line, each as its words."""
    if not _INSTALLS.search(text):
        return
    try:
        found = shlex.split(text.replace(";", " ; "), comments=True)
    except ValueError:
        found = text.split()
    command: list[str] = []
    for word in found:
        if word in _SEPARATORS:
            yield command
            command = []
        else:
            command.append(word)
    yield command
