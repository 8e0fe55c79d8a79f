"""The formats ``json`` and ``json-lines``."""

from __future__ import annotations

import json
from typing import Any

_INDENTED_LEVELS = 4
"""Levels that get a line for each entry: down to the fields of a recipe and the parts of a finding.

What lies deeper goes on its entry's line. That reads better, and it is what the standard encoder
writes in C: with ``indent`` it falls back to Python, which costs more than reading the inputs.
"""


def as_json(document: dict[str, Any]) -> str:
    """Return one document, indented as far as a field or a part of a finding has a line."""
    return _indented(document, 0) + "\n"


def as_json_lines(items: list[dict[str, Any]]) -> str:
    """Return one item a line; nothing at all where there is none."""
    return "".join(_compact(item) + "\n" for item in items)


def _indented(value: Any, level: int) -> str:
    if level == _INDENTED_LEVELS or not value or not isinstance(value, dict | list):
        return _compact(value)
    inner = "  " * (level + 1)
    if isinstance(value, dict):
        opening, closing = "{}"
        entries = [f"{_compact(key)}: {_indented(one, level + 1)}" for key, one in value.items()]
    else:
        opening, closing = "[]"
        entries = [_indented(one, level + 1) for one in value]
    return f"{opening}\n{inner}" + f",\n{inner}".join(entries) + f"\n{'  ' * level}{closing}"


_compact = json.JSONEncoder(allow_nan=False).encode
