"""Shapes of common language models, looked up by name.

The rows stand in ``data/models.json``: the sizes in the model's ``config.json``, and the parameter
count that its publisher states (the Hub's safetensors index). A test recomputes every count to the
last parameter. A model that is not in the table is None, never a near match: a wrong shape would
give wrong gigabytes with full confidence.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache

from qlint.knowledge.configurations import from_config
from qlint.knowledge.shapes import Block, Linear, Model
from qlint.records import replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Block", "Linear", "Model", "all_models", "billions_in_name", "find_model"]

_DATA = os.path.join(os.path.dirname(__file__), "data", "models.json")


@lru_cache(maxsize=1)
def all_models() -> tuple[Model, ...]:
    """Every model of the table, in its order."""
    return tuple(_model(index) for index in range(len(_rows())))


def find_model(name: str) -> Model | None:
    """The model behind a Hugging Face id or a local path, or None where that is not certain.

    The owner does not matter, nor do words that leave the shape alone (``-Instruct``, ``-hf``,
    ``-bnb-4bit``); any other unknown word makes it another model.
    """
    *owners, last = name.strip().rstrip("/").casefold().split("/")
    index = _by_name().get(_canonical(last))
    if index is None:
        return None
    model = _model(index)
    return None if owners and owners[-1] in model.not_owners else model


def billions_in_name(name: str) -> float | None:
    """The size that a name states, in billions of parameters: 70 for ``my-llama-70b``.

    A hint, weaker than :func:`find_model`. None where the name states none or several, and for
    mixtures (``8x7b``), whose product is not their size.
    """
    # Compiled here: a plan of a known model does not ask.
    sizes = {
        float(number) / (1 if unit == "b" else 1000)
        for number, unit in re.findall(
            r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", name.casefold().replace("_", "-")
        )
    }
    return sizes.pop() if len(sizes) == 1 else None


def known_names() -> tuple[str, ...]:
    """Every name a model can be found under, to suggest near ones from."""
    return tuple(_by_name())


_SAME_SHAPE = {
    *("hf", "instruct", "chat", "it", "base", "pt", "unsloth", "bnb", "4bit", "8bit"),
    *("gptq", "awq", "int4", "int8", "fp16", "bf16", "sharded"),
}
"""Words in a model's name that change its training or storage, not its shape."""


def _canonical(name: str) -> str:
    words = [word for word in name.replace("_", "-").split("-") if word not in _SAME_SHAPE]
    if words[:2] == ["meta", "llama"]:
        del words[0]
    return "-".join(words)


@lru_cache(maxsize=1)
def _rows() -> list[dict[str, Any]]:
    with open(_DATA, encoding="utf-8") as file:
        rows: list[dict[str, Any]] = json.load(file)
    return rows


@lru_cache(maxsize=1)
def _by_name() -> dict[str, int]:
    return {_canonical(name): index for index, row in enumerate(_rows()) for name in row["names"]}


@lru_cache(maxsize=256)
def _model(index: int) -> Model:
    row = _rows()[index]
    model = from_config(row["config"], row["id"], tuple(row["names"]))
    return replace(
        model,
        not_owners=tuple(row.get("not_owners", ())),
        published_parameters=row["published_parameters"],
        other_parameters=row.get("other_parameters", 0),
        other_quantised_parameters=row.get("other_quantised_parameters", 0),
    )
