"""Requirements in the notation of pip, and files of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from qlint.readers.version_files.common import NAME, library_of, lines_of, pin
from qlint.readers.versions import Pin, read_small

MAX_INCLUDES = 32
"""Files that one file may lead to, over all."""

_REQUIREMENT = re.compile(rf"^\s*{NAME}\s*(?:\[[^\]]*\])?\s*(.*)$")
_SPECIFIER = re.compile(r"^\(?\s*((?:(?:===|==|~=|!=|<=|>=|<|>)\s*[\w.*+!-]+\s*,?\s*)+)\)?")
_DIRECT = re.compile(
    r"^(?:[\w.-]+\s*@\s*)?(?:git\+)?(?:https?|ssh|git|file)\b.*?/([\w.-]+?)(?:\.git)?"
    r"(?:@v?(\d[\w.]*))?(?:#.*)?$"
)
_WHEEL = re.compile(r"/([A-Za-z0-9_]+)-(\d[\w.]*?)(?:\+[\w.]+)?-[\w.]+-[\w.]+-[\w.]+\.whl")
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)")


def requirement(text: str, path: str, line: int, locked: bool = False) -> Iterator[Pin]:
    """One requirement: ``transformers[torch]~=4.46 ; python_version > "3.8" --hash=...``."""
    text = re.split(r"\s#|\s--hash|\s\\$", text, maxsplit=1)[0].strip()
    if not text or text.startswith("#"):
        return
    wheel = _WHEEL.search(text)
    if wheel is not None:
        yield from pin(wheel.group(1), f"=={wheel.group(2)}", path, line, locked)
        return
    direct = _DIRECT.match(text)
    if direct is not None:
        if direct.group(2) is not None:
            yield from pin(direct.group(1), f"=={direct.group(2)}", path, line, locked)
        return
    text, _, marker = text.partition(";")
    match = _REQUIREMENT.match(text)
    if match is None or library_of(match.group(1)) is None or not _applies(marker):
        return
    specifier = _SPECIFIER.match(match.group(2))
    if specifier is not None:
        given = specifier.group(1).replace(" ", "").rstrip(",")
        yield from pin(match.group(1), given, path, line, locked)


def _applies(marker: str) -> bool:
    """Whether an environment marker holds where training runs: Linux, a Python of today."""
    if not marker.strip():
        return True
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    environment = {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "extra": "",
    }
    try:
        return Marker(marker.strip()).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def requirements(data: bytes, path: str, seen: set[str] | None = None) -> Iterator[Pin]:
    """``requirements.txt``, with the files it includes; ``seen`` are those already read."""
    seen = {os.path.abspath(path)} if seen is None else seen
    for number, line in enumerate(lines_of(data), 1):
        yield from requirement_line(line, path, number, seen)


def requirement_line(
    line: str, path: str, number: int, seen: set[str] | None = None
) -> Iterator[Pin]:
    """One line of such a file: a requirement, ``-e`` with one, or ``-r`` with another file."""
    include = _INCLUDE.match(line)
    stripped = line.lstrip()
    if include is not None:
        yield from included(include.group(1), path, set() if seen is None else seen)
    elif stripped.startswith(("-e ", "--editable ")):
        yield from requirement(stripped.split(None, 1)[1], path, number)
    elif not stripped.startswith("-"):
        yield from requirement(line, path, number)


def included(name: str, path: str, seen: set[str]) -> Iterator[Pin]:
    """A file of requirements that the file at ``path`` names, once; none far from it is read."""
    inner = os.path.normpath(os.path.join(os.path.dirname(path), name.strip("\"'")))
    place = os.path.abspath(inner)
    nearby = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    if place in seen or len(seen) > MAX_INCLUDES or not _is_below(place, nearby):
        return
    seen.add(place)
    data = read_small(inner)
    if data is not None:
        yield from requirements(data, inner, seen)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def script_block(data: bytes, path: str) -> Iterator[Pin]:
    """The ``# /// script`` block of a script (PEP 723)."""
    lines = lines_of(data)
    start = next((i for i, line in enumerate(lines) if line.rstrip() == "# /// script"), None)
    if start is None:
        return
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if line.rstrip() == "# ///" or not line.startswith("#"):
            return
        for quoted in re.findall(r"\"([^\"]+)\"|'([^']+)'", line):
            yield from requirement(quoted[0] or quoted[1], path, number)
