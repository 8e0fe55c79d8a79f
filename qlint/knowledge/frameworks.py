"""What the training frameworks take and default to, as `data/frameworks/<name>.json` says;
public scripts that are known without being on disk, as `data/scripts/<name>.json` does.

A file has these parts; every row names where it was read:

- `framework`, `package`, `version`: what was read;
- `loader`: how its configuration files are loaded, "yaml11" (PyYAML), "loose" (OmegaConf,
  jsonargparse, options made of the text: `1e-4` is a number) or "json";
- `fields`: recipe field to the keys that decide it, in the order in which they are looked up;
- `parameters`: every key that the framework knows, with its default where it has a plain one. Read
  by `tools/extract_framework_parameters.py` from the package where `extracted` says so;
- `facts`: what the framework's code does whatever is written, by name;
- `further_keys`: keys that its plugins and older releases take;
- `command_line`: how its command line overrides a configuration: `style` is "options" (`--name
  value`, the default) or "assignments" (`name=value`); `own` are options of the program itself,
  `processes` those that say how many processes train, `spread` how these share the work ("ddp");
- `open`: true where these are not all the keys that the top level may have.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a framework does, and where that was read."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Framework:
    """The facts about one framework."""

    file: str
    """The name of its data file and of its reader's module."""
    name: str
    package: str
    version: str
    loader: str
    fields: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Fact]
    """Keys with their defaults; the value is `REQUIRED` where there is none."""
    facts: Mapping[str, Fact]
    known_keys: frozenset[str]
    open: bool
    """True where the top level takes keys that are not listed, so none there is unknown."""
    command_line: Mapping[str, Any] = field(default_factory=dict)
    """How its command line is written; see the module's text."""

    @property
    def label(self) -> str:
        """How origins name it: "axolotl 0.19.0"."""
        return f"{self.package} {self.version}".strip()


REQUIRED = "<required>"


def _data(name: str) -> bytes:
    """The text of a data file: a framework's, or a public script's."""
    for folder in ("frameworks", "scripts"):
        with suppress(FileNotFoundError):
            data = pkgutil.get_data("qlint.knowledge", f"data/{folder}/{name}.json")
            if data is not None:
                return data
    raise FileNotFoundError(f"data/frameworks/{name}.json")


@cache
def framework(name: str) -> Framework:
    """The facts about a framework, by the name of its file."""
    table: dict[str, Any] = json.loads(_data(name))
    parameters = {
        key: Fact(row[0], row[1]) if isinstance(row, list) else Fact(row["value"], row["source"])
        for key, row in table.get("parameters", {}).items()
    }
    facts = {key: Fact(row["value"], row["source"]) for key, row in table.get("facts", {}).items()}
    fields = {field: tuple(row["keys"]) for field, row in table.get("fields", {}).items()}
    used = {key for keys in fields.values() for key in keys}
    further = table.get("further_keys", [])
    return Framework(
        name,
        table["framework"],
        table["package"],
        table["version"],
        table.get("loader", "yaml11"),
        fields,
        parameters,
        facts,
        frozenset(parameters) | used | frozenset(further),
        table.get("open", False),
        table.get("command_line", {}),
    )


@cache
def framework_named(name: str) -> Framework | None:
    """The facts about a framework, by the name that recipes give it; None where it has none."""
    from importlib import resources  # Takes longer to import than most files to check.

    folder = resources.files("qlint.knowledge") / "data" / "frameworks"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    known = (framework(file.removesuffix(".json")) for file in files)
    return next((one for one in known if one.name == name), None)
