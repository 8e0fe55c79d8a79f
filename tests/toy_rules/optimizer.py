"""A toy rule that only informs."""

from collections.abc import Iterator

from qlint.findings import Finding, Location
from qlint.recipe import Recipe
from qlint.rulebook.rule import Context


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a 32-bit optimizer at the run."""
    if recipe.value("optim") == "adamw_torch":
        yield Finding(
            code=context.rule.code,
            name=context.rule.name,
            severity=context.rule.severity,
            message="32-bit optimizer",
            location=Location(recipe.source.path, recipe.source.line, recipe.source.column),
            recipe_id=recipe.id,
            fields=("optim",),
        )
