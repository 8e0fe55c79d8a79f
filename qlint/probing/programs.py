"""Launchers and configurations as the program that a probe can run in its own process."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from qlint.errors import UsageError
from qlint.recipe import Recipe, Start

_WAYS = "scripts, and the programs of TRL, axolotl and LLaMA-Factory"
_ONE_PROCESS = 1
_SHARDED = ("deepspeed", "fsdp")


class Program(NamedTuple):
    """A Python file with its arguments, the folder in which it runs, and the variables it gets."""

    path: str
    arguments: tuple[str, ...]
    folder: str | None = None
    environment: Mapping[str, str] = {}


def started(recipe: Recipe, start: Start) -> Program:
    """The program of a run that a launcher starts.

    Raises:
        UsageError: It is not known, not installed, or starts several processes.
    """
    where = f"{recipe.source.path}:{recipe.source.line}"
    if start.open is not None:
        raise UsageError(
            f"what {where} starts is known only when it runs: {start.open}. Name the script, with "
            "its arguments after --."
        )
    processes = recipe.value("world_size")
    if isinstance(processes, int) and processes > _ONE_PROCESS:
        raise UsageError(
            f"{where} starts {processes} processes, and probe measures one: measure what each of "
            f"them runs with {_by_hand(start)}."
        )
    if recipe.value("distributed") in _SHARDED:
        raise UsageError(
            f"{where} trains through {recipe.value('distributed')}, which keeps its own copies of "
            f"what is trained: measure it without, with {_by_hand(start)}."
        )
    if start.starts == "script":
        if not os.path.isfile(start.program):
            raise UsageError(f"there is no script {start.program}, which {where} starts.")
        path, arguments = start.program, start.arguments
    else:
        path, arguments = _installed(start, where)
    return Program(path, arguments, start.folder, _environment(start))


def configured(recipe: Recipe, path: str) -> Program:
    """The program that trains as a configuration says.

    Raises:
        UsageError: Its framework has none that can be measured, or is not installed.
    """
    framework = recipe.framework
    if framework == "axolotl":
        return Program(_file_of("axolotl.cli.train", path), (path,))
    if framework == "llamafactory":
        return Program(_file_of("llamafactory.cli", path), ("train", path))
    if framework == "trl":
        raise UsageError(
            f"{path} does not say which of TRL's trainers it is for: write the command, as `trl "
            f"sft --config {path}`, into a shell script, and probe that."
        )
    raise UsageError(
        f"{path} is a configuration of {framework}, which probe cannot start: it starts {_WAYS}. "
        "Name the Python script that reads it, with the configuration after --, or add "
        "qlint.probe_callback() to the trainer's callbacks."
    )


def _installed(start: Start, where: str) -> tuple[str, tuple[str, ...]]:
    """The file and the arguments of a module, or of a framework's command line."""
    name, rest = os.path.basename(start.program), start.arguments
    if start.starts == "module":
        return _file_of(name, where, start.folder), rest
    command = rest[0] if rest else ""
    if name == "axolotl" and command == "train":
        return _file_of("axolotl.cli.train", where), rest[1:]
    if name == "llamafactory-cli":
        return _file_of("llamafactory.cli", where), rest
    if name == "trl" and command.isidentifier():
        return _file_of(f"trl.scripts.{command}", where), rest[1:]
    raise UsageError(f"{where} starts {name}, which probe cannot: it starts {_WAYS}.")


def _file_of(module: str, where: str, folder: str | None = None) -> str:
    """The file of an installed module, or of one in ``folder``."""
    if folder is not None:
        stem = os.path.join(folder, *module.split("."))
        for path in (f"{stem}.py", os.path.join(stem, "__main__.py")):
            if os.path.isfile(path):
                return path
    package = module.partition(".")[0]
    if find_spec(package) is None:
        raise UsageError(f"{where} needs {module}, and {package} is not installed here.")
    try:
        spec = find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{module}.__main__")
    except (ImportError, OSError, RuntimeError) as error:
        # The packages around it are imported to find it.
        raise UsageError(f"{where} needs {module}, which cannot be imported: {error}.") from None
    if spec is None or spec.origin is None:
        raise UsageError(f"{where} needs {module}, which the installed {package} does not have.")
    return spec.origin


def _environment(start: Start) -> Mapping[str, str]:
    if "accelerate" not in start.starters:
        return start.environment
    from qlint.probing.accelerate_launch import variables

    return {**start.environment, **variables(start.words)}


def _by_hand(start: Start) -> str:
    words = (start.program, "--", *start.arguments) if start.arguments else (start.program,)
    return f"`qlint probe {shlex.join(words)}`"
