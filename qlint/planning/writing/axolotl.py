"""``axolotl.yaml``."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.planning.writing.filling import as_yaml, fill, wrapped
from qlint.recipe import Json

_OPTIMIZERS = {"adamw_8bit": "adamw_bnb_8bit"}
"""transformers accepts both names; axolotl's schema knows the longer one only."""


def text(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The configuration as text."""
    optim = _OPTIMIZERS.get(recipe["optim"], recipe["optim"])
    values = as_yaml({**recipe, "optim": optim})
    return fill("axolotl.yaml", {**values, "file_name": name, "summary": wrapped(summary, "# ")})
