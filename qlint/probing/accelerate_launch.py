"""What ``accelerate launch`` says to the process that it starts."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.errors import UsageError

_PREFIX = "ACCELERATE_"


def variables(words: Sequence[str]) -> dict[str, str]:
    """The variables that accelerate itself makes of its options and its configuration.

    Raises:
        UsageError: Its options cannot be parsed.
    """
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_simple_launcher_cmd_env

    options = list(words[_end_of_name(words) :])
    try:
        arguments = launch.launch_command_parser().parse_args(options)
        arguments, _, _ = launch._validate_launch_command(arguments)
        _, environment = prepare_simple_launcher_cmd_env(arguments)
    except (SystemExit, ValueError, OSError) as error:
        raise UsageError(f"accelerate does not take {' '.join(options)}: {error}") from None
    return {name: value for name, value in environment.items() if name.startswith(_PREFIX)}


def _end_of_name(words: Sequence[str]) -> int:
    """``accelerate launch``, ``accelerate-launch`` or ``python -m accelerate.commands.launch``."""
    return next(
        number
        for number, word in enumerate(words, 1)
        if word in ("launch", "accelerate.commands.launch") or word.endswith("accelerate-launch")
    )
