"""``train.py`` with transformers, PEFT and TRL, and the training code that notebooks share."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from qlint.planning.writing.filling import as_python, fill, wrapped
from qlint.recipe import Json

CELL = "# %%"
"""Stands between the parts of the training code that are cells in a notebook."""

_ARGUMENTS = {
    "model": "args.model",
    "data": "args.data",
    "output_dir": "args.output_dir",
    "max_steps": "args.max_steps",
}


def text(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The script as text."""
    code = training(recipe, _ARGUMENTS).replace(f"\n{CELL}\n", "")
    return fill(
        "train.py",
        {
            **as_python(recipe),
            "file_name": name,
            "summary": wrapped(summary, ""),
            "training": textwrap.indent(code.rstrip(), "    "),
        },
    )


def training(recipe: Mapping[str, Json], names: Mapping[str, str]) -> str:
    """The code that loads, wraps and trains; ``names`` are expressions for what varies."""
    return fill("training.py", {**as_python(recipe), **names})
