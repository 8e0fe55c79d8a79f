"""A whole plan: what a job takes, whether it fits, what would make it fit or what its room buys."""

from __future__ import annotations

from collections.abc import Sequence

from qlint.memory.job import Job, Prediction
from qlint.planning.fitting import Predict, Step, cheapest_changes, single_changes
from qlint.planning.recommend import recommend
from qlint.planning.room import Room, room_of
from qlint.records import Record
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.planning.strategies import Strategy
    from qlint.recipe import Recipe


class Cards(Record):
    """What to train on: ``count`` cards with ``usable_bytes`` each, all that a process can get."""

    name: str
    usable_bytes: int
    count: int = 1
    bfloat16: bool = True


class Shared(Record):
    """The ways to share the job over all cards, and the one to use with the reason."""

    strategies: Sequence[Strategy]
    recommended: Strategy | None
    reason: str


class Plan(Record):
    """What ``qlint plan`` answers. Without ``cards`` there is nothing to fit."""

    job: Job
    prediction: Prediction
    assumptions: Sequence[str]
    recipe: Recipe | None
    """The recipe that the job was made of; None where the job is the recommended one."""
    cards: Cards | None = None
    changes: Sequence[Step] = ()
    """Where the job does not fit: the cheapest changes on top of each other until it does. Where
    it fits: each change by itself, for a job that was read from a recipe."""
    room: Room | None = None
    recommendation: Job | None = None
    recommended_prediction: Prediction | None = None
    shared: Shared | None = None
    closed_form: Prediction | None = None
    """The closed form's prediction, where ``prediction`` is a simulation's."""

    @property
    def fits(self) -> bool | None:
        """Whether the job fits a card; None without one."""
        if self.cards is None:
            return None
        return self.prediction.needed_bytes <= self.cards.usable_bytes

    @property
    def margin_bytes(self) -> int | None:
        """What is left on a card, or missing where it is negative."""
        if self.cards is None:
            return None
        return self.cards.usable_bytes - self.prediction.needed_bytes


def make_plan(
    job: Job,
    cards: Cards | None,
    predict: Predict,
    *,
    recipe: Recipe | None = None,
    assumptions: Sequence[str] = (),
    simulated: Prediction | None = None,
) -> Plan:
    """Predict ``job`` and look for what it should change, on ``cards``.

    ``simulated`` takes the place of the job's own prediction, which is then shown beside it; what
    is compared with it (changes, longer sequences) stays with the closed form.
    """
    closed_form = predict(job)
    prediction = simulated or closed_form
    compared = closed_form if simulated is not None else None
    if cards is None:
        return Plan(job, prediction, assumptions, recipe, closed_form=compared)
    usable = cards.usable_bytes
    fits = prediction.needed_bytes <= usable
    ours = job
    changes: Sequence[Step] = ()
    if not fits:
        changes = cheapest_changes(job, usable, predict)
    if recipe is not None:
        ours = recommend(job.model, usable, predict, bfloat16=cards.bfloat16)
        changes = changes or single_changes(job, usable, predict)
    return Plan(
        job,
        prediction,
        assumptions,
        recipe,
        cards,
        changes=changes,
        room=room_of(job, usable, predict) if fits else None,
        recommendation=ours,
        recommended_prediction=predict(ours),
        shared=_shared(job, cards, predict) if cards.count > 1 else None,
        closed_form=compared,
    )


def _shared(job: Job, cards: Cards, predict: Predict) -> Shared:
    # Imported here: most plans are for one card.
    from qlint.planning.strategies import recommended, strategies

    found = strategies(job, cards.count, cards.usable_bytes, predict)
    best, reason = recommended(found)
    return Shared(found, best, reason)
