"""Reads launchers for the tests, and finds what an origin points at."""

from pathlib import Path

from qlint.readers.commands import Argument, Command
from qlint.readers.launch_syntax import read_launcher
from qlint.readers.request import Request
from qlint.readers.shell import Script
from qlint.recipe import Origin


def read(
    text: str,
    folder: str | Path = "/nowhere",
    name: str = "run.sh",
    arguments: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> Script:
    request = Request(
        tuple(Argument(one) for one in arguments),
        root=str(folder),
        display_path=name,
        environment={key: Argument(value) for key, value in (environment or {}).items()},
    )
    return read_launcher(str(Path(folder) / name), text.encode(), request)


def lines(script: Script) -> list[str]:
    """The commands, their words joined by bars; a question mark in front of unknown ones."""
    return ["|".join(shown(word) for word in command.words) for command in script.commands]


def shown(word: Argument) -> str:
    return f"?{word.text}" if word.unknown is not None else word.text


def only(text: str, **given: object) -> Command:
    """The one command of a script."""
    (command,) = read(text, **given).commands  # type: ignore[arg-type]
    return command


def pointed_at(text: str, origin: Origin) -> str:
    """The characters of a text that an origin spans."""
    assert origin.line is not None
    assert origin.end_line is not None
    assert origin.column is not None
    assert origin.end_column is not None
    rows = text.split("\n")[origin.line - 1 : origin.end_line]
    rows[-1] = rows[-1][: origin.end_column - 1]
    rows[0] = rows[0][origin.column - 1 :]
    return "\n".join(rows)
