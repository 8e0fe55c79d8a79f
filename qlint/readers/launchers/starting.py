"""What it takes to start a run as its launcher does."""

from __future__ import annotations

import os

from qlint.readers.commands import Command
from qlint.readers.launchers.finding import Files
from qlint.readers.launchers.launch import Launch
from qlint.recipe import Start


def start_of(command: Command, launch: Launch, folder: str, files: Files) -> Start | None:
    """The start that ``launch`` is; None for a shell, which starts the run by another command.

    ``folder`` is where it runs. A script is named by its path where it is on disk.
    """
    if launch.starts not in ("script", "module", "tool"):
        return None
    program = launch.program.text
    found = files.find(launch.program) if launch.starts == "script" else None
    return Start(
        launch.starts,
        found.path if found is not None else program,
        tuple(word.text for word in launch.arguments),
        tuple(word.text for word in command.words),
        folder,
        {name: one.text for name, one in launch.environment.items() if one.unknown is None},
        tuple(starter.kind for starter in launch.starters),
        _open(command, launch),
    )


def _open(command: Command, launch: Launch) -> str | None:
    for word in (launch.program, *launch.arguments):
        if word.unknown is not None:
            return f"{word.text} is not known ({word.unknown})"
    for path in command.written:
        if not os.path.exists(path):
            return f"{os.path.basename(path)} is written before it starts, and is not there"
    return None
