"""A toy rule that fails on request."""

from collections.abc import Iterator

from qlint.findings import Finding
from qlint.recipe import Recipe
from qlint.rulebook.rule import Context


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Raise for the optimizer ``crash``, end the process for ``die``."""
    if recipe.value("optim") == "crash":
        raise ZeroDivisionError("toy")
    if recipe.value("optim") == "die":
        import os

        os._exit(139)
    yield from ()
