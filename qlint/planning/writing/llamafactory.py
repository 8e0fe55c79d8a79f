"""``llamafactory.yaml``."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.planning.writing.filling import as_yaml, fill, wrapped
from qlint.recipe import Json


def text(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The configuration as text."""
    targets = recipe["target_modules"]
    values = as_yaml(
        {
            **recipe,
            "target_modules": ",".join(targets) if isinstance(targets, list) else "all",
            "no_gradient_checkpointing": not recipe["gradient_checkpointing"],
        }
    )
    return fill(
        "llamafactory.yaml", {**values, "file_name": name, "summary": wrapped(summary, "# ")}
    )
