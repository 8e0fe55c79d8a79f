"""Scripts that only hand argv to the training of a package: they are that package's program."""

from __future__ import annotations

import re
from functools import cache

from qlint.knowledge.programs import Program, programs

_MAXIMUM_BYTES = 10_000
"""A larger script does more than that."""


def program_of(data: bytes) -> str | None:
    """The program that a script with this text is; None where it is one of its own."""
    if len(data) > _MAXIMUM_BYTES:
        return None
    for sign, program in _entries():
        if sign.search(data):
            return program.names[0]
    return None


@cache
def _entries() -> tuple[tuple[re.Pattern[bytes], Program], ...]:
    found = []
    for program in programs():
        for entry in program.entries:
            package, _, name = entry.rpartition(".")
            sign = rf"(?m)^[ \t]*from {package}(?:\.\w+)* import [\w, (]*\b{name}\b"
            found.append((re.compile(sign.encode()), program))
    return tuple(found)
