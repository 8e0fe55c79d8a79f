"""The configurations that the values of a run were read from are inputs of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from qlint.readers.input_kinds import CONFIGURATIONS
from qlint.recipe import Recipe


def with_inputs(recipe: Recipe) -> Recipe:
    """A recipe whose inputs name every configuration that one of its values comes from."""
    found = (path for path in _configurations(recipe) if path != recipe.source.path)
    inputs = tuple(dict.fromkeys((*recipe.inputs, *found)))
    return recipe if inputs == recipe.inputs else replace(recipe, inputs=inputs)


def _configurations(recipe: Recipe) -> Iterable[str]:
    for field in recipe.fields.values():
        for origin in field.origin:
            if origin.path is not None and origin.path.lower().endswith(CONFIGURATIONS):
                yield origin.path
