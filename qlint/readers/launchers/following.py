"""Reads what the commands of a launcher start: each script or configuration as a run of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from qlint import readers
from qlint.readers.commands import Argument, Command
from qlint.readers.gate import holds_run, launches
from qlint.readers.launchers.finding import Files, Found
from qlint.readers.launchers.launch import Launch
from qlint.readers.launchers.joining import Joined, as_run_of, merged
from qlint.readers.launchers.processes import WORLD_SIZE, task_variables, world_size
from qlint.readers.launchers.understanding import understand
from qlint.readers.places import LineMap, Place
from qlint.readers.python.project import Project
from qlint.readers.request import Request
from qlint.readers.shell import Script, run_line
from qlint.recipe import Kind, Problem, Reading

MAXIMUM_SCRIPT = 5_000_000
"""Bytes of a script or configuration that is followed."""
_DEEPEST = 5
"""Launchers that start launchers."""
_MOST_COMMANDS = 500
"""Commands of one launcher that are followed; benchmarks of ours know none with more than 200."""
_TRAINS = re.compile(r"train|tun(?:e|ing)|sft|dpo|q?lora", re.I)
_OTHER = re.compile(r"merge|convert|eval|export|infer|test|predict|prepare|download|chat", re.I)


def follow(
    commands: Sequence[Command],
    request: Request,
    launcher: str,
    *,
    kind: Kind = "shell",
    within: tuple[str, ...] = (),
) -> Reading:
    """The runs that ``commands`` start.

    ``launcher`` is the path of the input in which they stand, and ``within`` the launchers that
    are being followed around it. Reads nothing outside ``request.root`` and runs nothing.
    """
    return _Following(request, launcher, kind, within).all_of(commands)
