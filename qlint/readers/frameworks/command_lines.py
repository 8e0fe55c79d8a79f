"""Stub until the frameworks' command lines are merged."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.readers.commands import Argument
from qlint.readers.request import Request
from qlint.recipe import Reading, Source


def read_program(
    program: str, arguments: Sequence[Argument], source: Source, request: Request
) -> Reading | None:
    return None
