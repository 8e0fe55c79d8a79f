"""Turn argv into a command and its arguments."""

from __future__ import annotations

import argparse
import importlib
import re

from qlint import __version__
from qlint.commands import COMMANDS
from qlint.errors import UsageError
from qlint.near_names import did_you_mean
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed with a usage text around it."""
        raise UsageError(f"{message[:1].lower()}{message[1:].rstrip('.')}.")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width: to ask for the terminal's takes imports worth milliseconds."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def run_command(argv: list[str]) -> int:
    """Run the command that ``argv`` asks for and return its exit status."""
    argv, script_arguments = _split(argv)
    if argv[:1] in (["-V"], ["--version"]):
        print(f"qlint {__version__}")
        return 0
    if argv[:1] in (["-h"], ["--help"], ["help"]):
        print(_overview())
        return 0
    name = argv.pop(0) if argv and argv[0] in COMMANDS else "check"
    module: Any = importlib.import_module(f"qlint.commands.{name.replace('-', '_')}")
    parser = Parser(
        prog=f"qlint {name}",
        description=module.__doc__,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        raise UsageError(f"unknown option {unknown[0]}{_near_option(parser, unknown[0])}")
    if script_arguments and not hasattr(arguments, "paths"):
        raise UsageError(f"{name} takes no arguments after --.")
    arguments.script_arguments = script_arguments
    status: int = module.run(arguments)
    return status


def _split(argv: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Everything after ``--`` is for the script that is read."""
    if "--" not in argv:
        return list(argv), ()
    separator = argv.index("--")
    return argv[:separator], tuple(argv[separator + 1 :])


def _near_option(parser: argparse.ArgumentParser, unknown: str) -> str:
    options = re.findall(r"--[\w-]+", parser.format_help())
    return did_you_mean(unknown.partition("=")[0], options) or "."


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: qlint [COMMAND] PATH... [-- ARGUMENTS OF THE SCRIPT]",
            "",
            "Finds what will ruin a QLoRA run before the GPU hour is spent.",
            "Without a command, qlint checks the paths; without a path, the current folder.",
            "",
            "commands:",
            *lines,
            "",
            "Exit status: 0 nothing found, 1 findings, 2 wrong usage or an input that could not",
            "be analysed. `qlint COMMAND --help` shows the options of a command.",
        ]
    )
