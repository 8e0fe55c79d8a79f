"""Programs that train and that are known without being on disk, as `data/programs.json` says.

A row has these parts:

- `names`: the program, or the script without its suffix; `examples.sft.train` is that script in
  those folders, or that module;
- `framework`: the data file and the reader that know its options;
- `installed`: true for a program that comes with a package, whose name is enough; a script is
  anybody's, so its options have to fit as well;
- `commands`: its subcommands that train; `command`: the one that a script stands for;
- `config`: how a configuration is given, "option" (`--config`) or "positional";
- `label`, `classes`, `signature`: for a script, what to call it, the library classes whose
  arguments it also takes, and options that hardly any other script has;
- `needs_signature`: true where the script's name says nothing ("train");
- `entries`: functions of a package that train with argv as it is, by package and name: a script
  that imports one is this program;
- `open`: true where its own options are not all listed.
"""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Program:
    """A row of the table; see the module's text."""

    names: tuple[str, ...]
    framework: str
    label: str = ""
    installed: bool = False
    commands: tuple[str, ...] = ()
    command: str | None = None
    config: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    signature: frozenset[str] = frozenset()
    needs_signature: bool = False
    open: bool = False
    entries: tuple[str, ...] = ()


@cache
def programs() -> tuple[Program, ...]:
    """All rows, in the order of the table."""
    data = pkgutil.get_data("qlint.knowledge", "data/programs.json")
    if data is None:
        raise FileNotFoundError("data/programs.json")
    return tuple(
        Program(
            tuple(row["names"]),
            row["framework"],
            row.get("label", ""),
            row.get("installed", False),
            tuple(row.get("commands", ())),
            row.get("command"),
            row.get("config"),
            tuple((library, name) for library, name in row.get("classes", ())),
            frozenset(row.get("signature", ())),
            row.get("needs_signature", False),
            row.get("open", False),
            tuple(row.get("entries", ())),
        )
        for row in json.loads(data)
    )


def is_installed_module(name: str) -> bool:
    """Whether ``python -m name`` starts a package's program."""
    return any(row.installed and name in row.names for row in programs())
