"""How programs that start another one take their own options, as `data/starters.json` says.

A row has these parts:

- `kind`: "wrapper" hands on the rest of its words as a command, "text" as a line for the shell;
  "python" and "module" start a script or a module; "shell" runs a script or a text, "batch" hands
  a script to a queue; "accelerate", "torch", "deepspeed", "srun" and "mpi" start several processes
  of what follows;
- `switches` and `values`: the options without and with a value of their own, with underscores;
- `operands`: words that stand between the options and the command (an image, a duration);
- `assignments`: variables may stand before the command, as after `env`;
- `modules`: `-m` names a Python module, as after `uv run`;
- `source`: where this was read; `same_as`: the row that holds for this program too.
"""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class StarterProgram:
    """One program that starts another."""

    name: str
    kind: str
    switches: frozenset[str]
    values: frozenset[str]
    operands: int = 0
    assignments: bool = False
    modules: bool = False


@cache
def starters() -> dict[str, StarterProgram]:
    """All of them by name: "torchrun", "uv run", "docker compose run", modules too."""
    data = pkgutil.get_data("qlint.knowledge", "data/starters.json")
    if data is None:
        raise LookupError("data/starters.json is missing from the installation")
    rows = json.loads(data)
    found = {}
    for name, own in rows.items():
        row = rows[own["same_as"]] if "same_as" in own else own
        found[name] = StarterProgram(
            name,
            row["kind"],
            frozenset(row["switches"].split()),
            frozenset(row["values"].split()),
            row.get("operands", 0),
            row.get("assignments", False),
            row.get("modules", False),
        )
    return found
