"""What is planned: a run that was read, or the recommended recipe where none is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qlint.errors import UsageError
from qlint.knowledge.models import Model
from qlint.memory.job import Job
from qlint.planning.cards import Cards
from qlint.planning.fitting import Predict
from qlint.planning.recommend import recipe_fields, recommend
from qlint.records import Record
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.memory.from_recipe import JobReading
    from qlint.recipe import Json, Recipe


class Subject(Record):
    """A job to plan."""

    job: Job
    recipe: Recipe | None = None
    """What the job was made of; None where it is the recommended one."""
    assumptions: tuple[str, ...] = ()
    asked: Mapping[str, Json] = {}
    """What was set instead of what the recipe says."""


def of_run(recipe: Recipe, model: Model | None, values: dict[str, Json]) -> Subject:
    """The job of a run that was read, with ``values`` set instead of what it says.

    Raises UsageError where no job can be made of it.
    """
    reading = _reading(recipe, model, values)
    if reading.job is None:
        raise UsageError(
            f"{recipe.source.path}:{recipe.source.line} cannot be planned: "
            f"{'; '.join(reading.obstacles)}{_hint(reading)}."
        )
    asked = tuple(f"{name} is {value}: as asked for" for name, value in values.items())
    return Subject(reading.job, recipe, (*asked, *_sentences(reading)), values)


def of_model(model: Model, cards: Cards, predict: Predict, values: dict[str, Json]) -> Subject:
    """The recommended job for ``model`` on these cards, with ``values`` set instead."""
    job = recommend(model, cards.usable_bytes, predict, bfloat16=cards.bfloat16, cards=cards.count)
    if not values:
        return Subject(job, assumptions=_OF_THE_RECOMMENDED)
    reading = _reading(as_recipe(job), model, values)
    if reading.job is None:
        raise UsageError(f"this cannot be planned: {'; '.join(reading.obstacles)}.")
    return Subject(reading.job, None, (*_OF_THE_RECOMMENDED, *_sentences(reading)), values)


_OF_THE_RECOMMENDED = (
    "every sequence is as long as the longest may be",
    "all logits exist at once, as in transformers' own loss; TRL's from 1.8 on takes less",
)


def as_recipe(job: Job) -> Recipe:
    """A recommended job as a recipe of which every field is set."""
    from qlint.recipe import FIELD_NAMES, Field, Origin, Recipe, Source, State

    origin = (Origin(via="recommended by qlint plan"),)
    values = {**recipe_fields(job), "attn_implementation": job.attn_implementation}
    fields = {
        name: Field(State.SET, values[name], origin) for name in FIELD_NAMES if name in values
    }
    return Recipe("plan", Source("plan"), "python", "transformers", fields)


def one_run(recipes: Sequence[Recipe], identifier: str | None) -> Recipe:
    """The run to plan: the named one, else the first; raises UsageError for none, or a wrong id."""
    if not recipes:
        raise UsageError("no training run was found to plan; name a model with --model instead.")
    if identifier is None:
        return recipes[0]
    for recipe in recipes:
        if recipe.id == identifier:
            return recipe
    known = ", ".join(recipe.id for recipe in recipes)
    raise UsageError(f"--run: no run is called {identifier!r}; there is {known}.")


def _reading(recipe: Recipe, model: Model | None, values: dict[str, Json]) -> JobReading:
    # Imported here: a plan of the recommended recipe reads none.
    from qlint.memory.from_recipe import from_recipe
    from qlint.planning.overrides import override

    return from_recipe(override(recipe, values), model)


def _sentences(reading: JobReading) -> tuple[str, ...]:
    return tuple(f"{one.field} is {one.value}: {one.why}" for one in reading.assumptions)


def _hint(reading: JobReading) -> str:
    unknown = any("model" in obstacle for obstacle in reading.obstacles)
    return "; name it with --model" if unknown else ""
