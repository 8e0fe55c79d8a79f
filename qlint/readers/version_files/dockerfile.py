"""What an image installs: the ``RUN pip install`` lines of a Dockerfile. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qlint.readers.version_files.common import lines_of
from qlint.readers.version_files.installing import installed
from qlint.readers.version_files.requirements import included
from qlint.readers.versions import Pin

_INSTRUCTION = re.compile(r"\s*(RUN|ARG|ENV)\s+(.*)", re.IGNORECASE | re.DOTALL)
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S*)")
_SPACED = re.compile(r"([A-Za-z_]\w*)\s+(\S+)\s*\Z")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
LONGEST_RUN = 20_000
"""Characters of one instruction; a longer one is data."""


def dockerfile(data: bytes, path: str) -> Iterator[Pin]:
    """Pins of the image, with the defaults of its arguments filled in; a later one overrides."""
    variables: dict[str, str] = {}
    found: dict[str, Pin] = {}
    seen: set[str] = set()
    for number, text in _instructions(lines_of(data)):
        parts = _INSTRUCTION.match(text)
        if parts is None:
            continue
        if parts[1].upper() != "RUN":
            variables.update(_assignments(parts[2], variables))
            continue
        for shift, line in enumerate(_shell_lines(parts[2])):
            for one in installed(_filled_in(line, variables), path, number + shift):
                pins = included(one, path, seen) if isinstance(one, str) else (one,)
                found.update((pin.library, pin) for pin in pins)
    yield from found.values()


def _instructions(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Each instruction with its first line; its own lines stay lines, comments among them not."""
    start = 1
    gathered: list[str] = []
    for number, line in enumerate(lines, 1):
        if not gathered:
            start = number
        if line.lstrip().startswith("#"):
            line = "\\" if gathered else ""
        gathered.append(line)
        if not line.rstrip().endswith("\\"):
            yield start, "\n".join(gathered)[:LONGEST_RUN]
            gathered = []
    if gathered:
        yield start, "\n".join(gathered)[:LONGEST_RUN]


def _shell_lines(text: str) -> Iterator[str]:
    """The lines of a RUN, each with the command that it goes on with, so that each stands alone.

    ``pip install \\`` is said once and the packages follow line by line.
    """
    opened = ""
    for line in text.split("\n"):
        stripped = line.rstrip().rstrip("\\").strip()
        yield f"{opened} {stripped}"
        pieces = re.split(r"&&|;|\|\|", stripped)
        if len(pieces) > 1 or not opened:
            opened = _verb(pieces[-1])


def _verb(command: str) -> str:
    """The command up to what it installs."""
    found = re.match(r"\s*(?:\S+\s+){0,8}?(?:install|add)\b", command)
    return found.group().strip() if found is not None else ""


def _assignments(text: str, variables: dict[str, str]) -> Iterator[tuple[str, str]]:
    spaced = _SPACED.match(text) if "=" not in text else None
    pairs = [spaced.groups()] if spaced is not None else _ASSIGNED.findall(text)
    for name, value in pairs:
        yield name, _filled_in(value.strip("\"'"), variables)


def _filled_in(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        given = variables.get(match[1] or match[3]) or match[2]
        return match.group() if given is None else given[:100]

    return _VARIABLE.sub(value, text)
