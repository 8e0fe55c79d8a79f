"""A whole plan: what a job takes, whether it fits, what would make it fit or what its room buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qlint.memory.job import Job, Prediction
from qlint.planning.cards import Cards
from qlint.planning.fitting import Predict, Step, cheapest_changes, single_changes
from qlint.planning.recommend import recipe_fields, recommend
from qlint.planning.room import Room, room_of
from qlint.planning.subject import Subject
from qlint.records import Record, replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.planning.strategies import Strategy
    from qlint.recipe import Json


class Shared(Record):
    """The ways to share the job over all cards, and the one to use with the reason."""

    strategies: Sequence[Strategy]
    recommended: Strategy | None
    reason: str


class Plan(Record):
    """What ``qlint plan`` answers. Without ``cards`` there is nothing to fit."""

    subject: Subject
    prediction: Prediction
    cards: Cards | None = None
    changes: Sequence[Step] = ()
    """Where the job does not fit: the cheapest changes on top of each other until it does. Where
    it fits: each change by itself, for a job that was read from a recipe."""
    room: Room | None = None
    recommendation: Job | None = None
    recommended_prediction: Prediction | None = None
    recomputing_nothing: Prediction | None = None
    """The recommended job without checkpointing."""
    shared: Shared | None = None
    closed_form: Prediction | None = None
    """The closed form's prediction, where ``prediction`` is a simulation's."""

    @property
    def job(self) -> Job:
        """What is planned."""
        return self.subject.job

    @property
    def needed_bytes(self) -> int:
        """What a card must offer: for the job as it is, or, where there is no run to go by, in the
        way that is recommended for the cards."""
        if self.subject.recipe is None and self.shared is not None and self.shared.recommended:
            return self.shared.recommended.prediction.needed_bytes
        return self.prediction.needed_bytes

    @property
    def fits(self) -> bool | None:
        """Whether that fits a card; None without one."""
        return None if self.cards is None else self.needed_bytes <= self.cards.usable_bytes

    @property
    def margin_bytes(self) -> int | None:
        """What is left on a card, or missing where it is negative."""
        return None if self.cards is None else self.cards.usable_bytes - self.needed_bytes

    @property
    def recommended_fields(self) -> Mapping[str, Json]:
        """The recommended run as recipe fields; with what was asked for, where none was read."""
        fields = recipe_fields(self.recommendation or self.job)
        asked = self.subject.asked if self.subject.recipe is None else {}
        return {
            name: value if name == "model_name" else asked.get(name, value)
            for name, value in fields.items()
        }


def make_plan(
    subject: Subject,
    cards: Cards | None,
    predict: Predict,
    *,
    simulated: Prediction | None = None,
) -> Plan:
    """Predict the job of ``subject`` and look for what it should change, on ``cards``.

    ``simulated`` takes the place of the job's own prediction, which is then shown beside it; what
    is compared with it (changes, longer sequences) stays with the closed form.
    """
    job = subject.job
    closed_form = predict(job)
    prediction = simulated or closed_form
    plan = Plan(
        subject,
        prediction,
        cards,
        recomputing_nothing=_recomputing_nothing(subject, predict),
        closed_form=closed_form if simulated is not None else None,
    )
    if cards is None:
        return plan
    usable = cards.usable_bytes
    fits = prediction.needed_bytes <= usable
    ours = job
    changes: Sequence[Step] = ()
    if not fits:
        changes = cheapest_changes(job, usable, predict)
    if subject.recipe is not None:
        ours = recommend(job.model, usable, predict, bfloat16=cards.bfloat16)
        changes = changes or single_changes(job, usable, predict)
    return replace(
        plan,
        changes=changes,
        room=room_of(job, usable, predict) if fits else None,
        recommendation=ours,
        recommended_prediction=predict(ours),
        shared=_shared(job, cards, predict) if cards.count > 1 else None,
    )


def _recomputing_nothing(subject: Subject, predict: Predict) -> Prediction | None:
    if subject.recipe is not None or not subject.job.gradient_checkpointing:
        return None
    return predict(replace(subject.job, gradient_checkpointing=False))


def _shared(job: Job, cards: Cards, predict: Predict) -> Shared:
    # Imported here: most plans are for one card.
    from qlint.planning.strategies import recommended, strategies

    found = strategies(job, cards.count, cards.usable_bytes, predict)
    best, reason = recommended(found)
    return Shared(found, best, reason)
