"""What a program that is not read itself is for, as far as its name tells."""

from __future__ import annotations

import os
import re

from qlint.knowledge.programs import programs
from qlint.readers.launchers.launch import Launch

_TRAINS = re.compile(r"train|tun(?:e|ing)|sft|dpo|q?lora", re.I)
_SURELY_TRAINS = re.compile(r"(?:run_)?(?:train|fine_?tun)", re.I)
_OTHER = re.compile(
    r"merge|convert|eval|export|infer|test|predict|prepare|preprocess|token|download|upload|push"
    r"|chat|serve|deploy|benchmark|quantiz|plot|generate|sample",
    re.I,
)


def seems_to_train(launch: Launch) -> bool:
    """Whether the name of a script says that it trains, and nothing else."""
    name = _name(launch)
    return _TRAINS.search(name) is not None and _OTHER.search(name) is None


def seems_to_do_else(launch: Launch) -> bool:
    """Whether a program does something else with a configuration of training: it merges, it serves.

    A framework's command line goes by its subcommand, all else by its name.
    """
    if launch.starts == "tool":
        name = os.path.basename(launch.program.text)
        row = next((one for one in programs() if one.installed and name in one.names), None)
        given = launch.arguments[0] if launch.arguments else None
        if row is None or not row.commands or given is None or given.unknown is not None:
            return False
        return given.text not in row.commands
    name = _name(launch)
    return _OTHER.search(name) is not None and _SURELY_TRAINS.match(name) is None


def _name(launch: Launch) -> str:
    text = launch.program.text
    if launch.starts == "module":
        return text.rpartition(".")[2]
    return os.path.basename(text)
