"""Print the settings in force for a path, and where each of them was read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from qlint.commands.options import add_input_arguments, add_rule_arguments, make_session
from qlint.reporters.json_text import as_json
from qlint.reporters.layout import Line
from qlint.reporters.output import write, write_lines
from qlint.settings.in_force import Settings
from qlint.settings.values import CONVERTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_input_arguments(parser)
    add_rule_arguments(parser)
    parser.add_argument("--output-format", choices=("full", "json"), dest="config_format")
    parser.add_argument("--color", action=argparse.BooleanOptionalAction)


def run(arguments: argparse.Namespace) -> int:
    """Print the settings."""
    settings = make_session(arguments).settings
    if arguments.config_format == "json":
        write(as_json({name: _value(settings, name) for name in CONVERTERS}))
    else:
        write_lines(_layout(settings), color=arguments.color)
    return 0


def _value(settings: Settings, name: str) -> dict[str, object]:
    return {"value": settings.get(name), "origin": settings.origins.get(name, "default")}


def _layout(settings: Settings) -> Iterator[Line]:
    width = max(map(len, CONVERTERS))
    for name in CONVERTERS:
        origin = settings.origins.get(name, "default")
        yield [
            (f"{name:<{width}}", "bold"),
            (f" = {_shown(settings.get(name))}  ", ""),
            (f"# {origin}", "dim"),
        ]


def _shown(value: object) -> str:
    """Write a value nearly as TOML does."""
    if value is None:
        return "(not set)"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_shown(item)}" for key, item in value.items()) + " }"
    return str(value).lower() if isinstance(value, bool) else str(value)
