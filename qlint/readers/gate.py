"""The gate in front of the readers: cheap checks that spare a file the expensive parser.

A Python file passes four of them, in this order: :func:`holds_run`, :func:`check_text`,
:func:`check_nesting`, :func:`check_syntax`. The first sees every file of a tree and costs a few
memory searches; the others are imported when a first file gets that far. What passes all four can
be given to libcst without fear for time, memory or the interpreter's stack.
"""

from __future__ import annotations

from qlint.readers.prefilter import holds_launch, holds_run, launches
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.recipe import Problem

__all__ = ["check_nesting", "check_syntax", "check_text", "holds_launch", "holds_run", "launches"]


def check_text(data: bytes, path: str) -> str | Problem:
    """The text of a Python file, or the problem that keeps it from being read as text."""
    from qlint.readers.text import decode_python

    return decode_python(data, path)


def check_nesting(text: str, path: str) -> Problem | None:
    """The problem of a text whose size or nesting no parser may see, or None."""
    from qlint.readers.nesting import find_excess

    return find_excess(text, path)


def check_syntax(text: str, path: str) -> Problem | None:
    """The problem of a text that passed :func:`check_nesting` and is no Python, or None."""
    from qlint.readers.syntax import find_error

    return find_error(text, path)
