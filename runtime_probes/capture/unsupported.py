"""Ways of training that are recognised, and that cannot be measured; each is one sentence."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import Any

import torch.multiprocessing

from qlint.errors import UsageError

from .imports import before_import
from .patches import Patches
from .script import is_installed
from .stop import Stopper

UNSLOTH = (
    "Unsloth replaces the kernels that probe measures and the steps that it replays: runs with "
    "Unsloth are not supported. Measure the same recipe without it."
)
_LAUNCHERS = {"accelerate", "torchrun", "deepspeed", "axolotl", "llamafactory-cli", "swift", "tune"}
_LAUNCHING_MODULES = ("torch.distributed", "accelerate.commands", "axolotl.cli", "deepspeed")


def one_process() -> None:
    """Raises UsageError where a launcher has started several processes."""
    count = os.environ.get("WORLD_SIZE", "1")
    if count.isdecimal() and int(count) > 1:
        raise UsageError(
            f"probe measures a run in one process, and WORLD_SIZE is {count}: start qlint probe by "
            "itself, not through a launcher."
        )


def without_unsloth() -> None:
    """Raises UsageError where Unsloth has been imported."""
    if "unsloth" in sys.modules:
        raise UsageError(UNSLOTH)


def refuse(patches: Patches, stopper: Stopper) -> None:
    """Stop a script that imports Unsloth, or that starts its training in other processes."""
    before_import(patches, "unsloth", lambda: stopper.stop(UsageError(UNSLOTH)))

    def spawned(*_: Any, **__: Any) -> None:
        stopper.stop(_elsewhere("torch.multiprocessing"))

    def starting(original: Any) -> Any:
        def start(self: Any, command: Any, *arguments: Any, **named: Any) -> None:
            launcher = _launcher(command)
            if launcher is not None:
                stopper.stop(_elsewhere(launcher))
            original(self, command, *arguments, **named)

        return start

    def shell(original: Any) -> Any:
        def run(command: Any) -> Any:
            launcher = _launcher(command)
            if launcher is not None:
                stopper.stop(_elsewhere(launcher))
            return original(command)

        return run

    # The package's name for the function hides the module that defines it.
    for owner in (torch.multiprocessing, sys.modules["torch.multiprocessing.spawn"]):
        for name in ("spawn", "start_processes"):
            patches.set(owner, name, spawned)
    patches.wrap(subprocess.Popen, "__init__", starting)
    patches.wrap(os, "system", shell)


def sharded(trainer: Any) -> str | None:
    """Why the state of this trainer cannot be put back between trials, if it cannot."""
    for attribute, name in (("is_deepspeed_enabled", "DeepSpeed"), ("is_fsdp_enabled", "FSDP")):
        if getattr(trainer, attribute, False):
            return (
                f"{type(trainer).__name__} trains through {name}, which keeps its own copies of "
                "what is trained: probe measures the run without it."
            )
    return None


def _elsewhere(launcher: str) -> UsageError:
    return UsageError(
        f"The script starts its training in other processes ({launcher}), where it is not "
        "measured: name the script that trains."
    )


def _launcher(command: Any) -> str | None:
    """The launcher, or the Python script, that a command starts."""
    if isinstance(command, str | bytes):
        try:
            words = shlex.split(os.fsdecode(command))
        except ValueError:
            return None
    else:
        words = [
            os.fsdecode(word) for word in command if isinstance(word, str | bytes | os.PathLike)
        ]
    if not words:
        return None
    program = os.path.basename(words[0])
    if program in _LAUNCHERS:
        return program
    if not program.startswith("python"):
        return None
    for word, after in zip(words[1:], [*words[2:], ""], strict=True):
        if word == "-m":
            return after if after.startswith(_LAUNCHING_MODULES) else None
        if not word.startswith("-"):
            return word if word.endswith(".py") and not is_installed(word) else None
    return None
