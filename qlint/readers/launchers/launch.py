"""A launch: what a command starts, once everything in front of it is taken off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from qlint.readers.commands import Argument
from qlint.readers.launchers.options import Options

Starts: TypeAlias = Literal["script", "module", "tool", "shell", "text"]
"""What the program is: a Python script, a Python module, a framework's command line, a shell script
of the project, or a line for the shell."""


@dataclass(frozen=True, slots=True)
class Starter:
    """A program in front of the script that starts several processes of it."""

    kind: str
    """As in :mod:`qlint.knowledge.starters`: "torch", "accelerate", "deepspeed", "mpi"."""
    word: Argument
    options: Options


@dataclass(frozen=True, slots=True)
class Launch:
    """One program that is started, with the arguments and the variables that it gets.

    ``starters`` are the programs in front of it that decide how many processes there are, the
    outermost first. ``folder`` is where it runs, where a wrapper changes that.
    """

    starts: Starts
    program: Argument
    arguments: tuple[Argument, ...] = ()
    environment: Mapping[str, Argument] = field(default_factory=dict)
    starters: tuple[Starter, ...] = ()
    folder: str | None = None
