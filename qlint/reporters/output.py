"""Write a report to where the command line wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from qlint.errors import UsageError
from qlint.reporters.layout import WIDTH, Line, narrowed


def write(text: str, output_file: str | None = None) -> None:
    """Write ``text`` to a file, or to standard output."""
    if output_file is None:
        sys.stdout.write(_encodable(text))
        return
    try:
        with open(output_file, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {output_file}: {error.strerror}.") from None


def write_lines(
    lines: Iterable[Line], *, color: bool | None = None, output_file: str | None = None
) -> None:
    """Write laid out lines, in colour where that is asked for or a terminal can show it."""
    from qlint.reporters.sinks import render

    if output_file is None:
        lines = narrowed(lines, _columns())
    if color is None:
        color = output_file is None and _wants_color()
    write(render(lines, color=color), output_file)


def _wants_color() -> bool:
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def _columns() -> int:
    """The width of the terminal; that of a report elsewhere."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):  # no terminal, or a stand-in for one
        return WIDTH


def _encodable(text: str) -> str:
    """Write what the terminal's encoding lacks in other characters, or escape it."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAINER)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


_PLAINER = str.maketrans(
    {"█": "#", **dict.fromkeys("▉▊▋▌", "#"), **dict.fromkeys("▍▎▏", ""), "←": "<-"}
)
"""Bars and arrows for terminals that know neither; half a block counts as one."""
