"""A toy rule with an option and with everything a finding may carry."""

from collections.abc import Iterator

from qlint.findings import Edit, Evidence, Finding, Fix, Location
from qlint.recipe import Recipe
from qlint.rulebook.options import Option
from qlint.rulebook.rule import Context

OPTIONS = {"maximum": Option(1e-4, "the highest rate that is silent")}


def check(recipe: Recipe, context: Context) -> Iterator[Finding]:
    """Report a rate over the maximum, where it was written."""
    rate = recipe["learning_rate"]
    if not rate.known or rate.value <= context.options["maximum"]:
        return
    written = rate.origin[0]
    location = Location(
        written.path or recipe.source.path,
        written.line or 1,
        written.column or 1,
        written.end_line,
        written.end_column,
    )
    edits = [
        Edit(location.path, location.line, location.column, location.line, end, "1e-4")
        for end in [written.end_column]
        if end is not None
    ]
    yield Finding(
        code=context.rule.code,
        name=context.rule.name,
        severity=context.rule.severity,
        message=f"learning rate {rate.value} is over {context.options['maximum']}",
        location=location,
        pitfall=context.rule.pitfall,
        recipe_id=recipe.id,
        fields=("learning_rate",),
        impact=f"A sentence that is long enough to be wrapped, with the card {context.gpu} and the "
        "model named in it, so that the second line can be seen to stand under the first.",
        evidence=Evidence(("one source",), ("another source",), None, "a paired sweep"),
        fixes=(Fix("Lower it to 1e-4.", "unsafe", edits),),
    )
