"""Writes the run that a plan recommends."""

from __future__ import annotations

from qlint.errors import UsageError
from qlint.planning.plan import Plan
from qlint.planning.writing import write
from qlint.rulebook.wording import gigabytes


def write_plan(plan: Plan, name: str) -> str:
    """Write the recommended run as ``name`` says and return the path.

    Raises UsageError for what was asked of the plan and a written run would not have.
    """
    fields = plan.recommended_fields
    if plan.subject.recipe is None:
        lost = sorted(set(plan.subject.asked) - set(fields) - {"load_in_8bit"})
        if lost or not plan.job.load_in_4bit:
            place = f"has no place for {', '.join(lost)}"
            what = place if plan.job.load_in_4bit else "is a QLoRA run, in 4 bits"
            raise UsageError(f"--write {name}: what it writes {what}; leave that --set out.")
    return write(fields, name, _summary(plan))


def _summary(plan: Plan) -> str:
    prediction = plan.recommended_prediction or plan.prediction
    peak, needed = gigabytes(prediction.peak_allocated_bytes), gigabytes(prediction.needed_bytes)
    if plan.cards is None:
        return f"Predicted peak: {peak} allocated, {needed} in all."
    fits = prediction.needed_bytes <= plan.cards.usable_bytes
    verdict = "" if fits else ", which does not fit"
    return f"Predicted peak on {plan.cards.name}: {peak} allocated, {needed} in all{verdict}."
