"""A Jupyter notebook with the code of ``train.py``, in cells."""

from __future__ import annotations

import json
from collections.abc import Mapping

from qlint.planning.writing.filling import as_python, fill
from qlint.planning.writing.script import CELL, training
from qlint.recipe import Json

_NAMES = {"model": "MODEL", "data": "DATA", "output_dir": '"qlora-out"', "max_steps": "-1"}


def text(recipe: Mapping[str, Json], name: str, summary: str) -> str:
    """The notebook as JSON text (nbformat 4)."""
    title = f"# QLoRA fine-tuning of {recipe['model_name']}\n\n{summary}"
    code = fill("notebook.py", {**as_python(recipe), "training": training(recipe, _NAMES)})
    cells = [_cell("markdown", title)]
    cells += [_cell("code", part.strip()) for part in code.split(CELL) if part.strip()]
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(document, indent=1) + "\n"


def _cell(kind: str, source: str) -> dict[str, Json]:
    cell: dict[str, Json] = {
        "cell_type": kind,
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell
