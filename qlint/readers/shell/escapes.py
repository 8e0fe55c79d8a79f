"""The escapes of ``$'...'`` and of ``printf`` and ``echo -e``."""

from __future__ import annotations

import re

_SIMPLE = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<short>[0-9A-Fa-f]{1,4})"
    r"|U(?P<long>[0-9A-Fa-f]{1,8})|(?P<octal>[0-7]{1,3})|(?P<simple>.))",
    re.DOTALL,
)
_STRING = re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL)


def unescape(text: str) -> str:
    """The text with its backslash escapes carried out; those that are none stay as they are."""
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    if found["simple"]:
        return _SIMPLE.get(found["simple"], found.group())
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    number = int(found["hex"] or found["short"] or found["long"], 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        return found.group()
    return chr(number)


def ansi_c(text: str, start: int, end: int) -> tuple[str, int]:
    """The string of ``$'...'`` from ``start``, and where it is over: past ``end`` if never."""
    inner = _STRING.match(text, start, end)
    close = inner.end() if inner else end
    if close >= end:
        return "", end + 1
    return unescape(text[start:close]), close + 1
