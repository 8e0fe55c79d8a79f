"""Fills the templates: values as Python or YAML literals."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from string import Template

from qlint.recipe import Json

_FOLDER = Path(__file__).parent / "templates"


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text of ``templates/TEMPLATE.txt`` with every ``$name`` replaced; none may be missing."""
    return Template((_FOLDER / f"{template}.txt").read_text("utf-8")).substitute(values)


def as_python(recipe: Mapping[str, Json]) -> dict[str, str]:
    """Values as they stand in Python source; texts without quotes, the template has them."""
    return {
        name: value if isinstance(value, str) else _number(value) or _quoted(value)
        for name, value in recipe.items()
    }


def as_yaml(recipe: Mapping[str, Json]) -> dict[str, str]:
    """Values as YAML 1.1 and 1.2 loaders read them alike: ``1.0e-4`` is a number to both."""
    return {name: yaml_value(value) for name, value in recipe.items()}


def yaml_value(value: Json) -> str:
    """One value in YAML's flow style."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_value(one) for one in value) + "]"
    return _number(value) or str(value)


def wrapped(summary: str, prefix: str) -> str:
    """A summary broken into lines of at most 96 columns, all but the first behind ``prefix``."""
    return f"\n{prefix}".join(textwrap.wrap(summary, 96 - len(prefix)))


def _quoted(value: Json) -> str:
    """A list of names in double quotes, as the templates have them."""
    if isinstance(value, list):
        return json.dumps(value)
    return repr(value)


def _number(value: Json) -> str | None:
    """Small numbers with an exponent and a point; other numbers as Python writes them."""
    if not isinstance(value, float) or isinstance(value, bool):
        return None
    if value and abs(value) < 1e-3:
        mantissa, exponent = f"{value:e}".split("e")
        digits = mantissa.rstrip("0")
        return f"{digits}{'0' if digits.endswith('.') else ''}e{int(exponent)}"
    return repr(value)
