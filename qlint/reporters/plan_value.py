"""A plan as JSON values, in the form that ``qlint/schema.json`` describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qlint import __version__
from qlint.memory.job import Prediction
from qlint.planning.fitting import Step
from qlint.planning.plan import Plan, Shared
from qlint.planning.room import Room
from qlint.planning.strategies import relative_speed
from qlint.reporters.structured import SCHEMA_VERSION, recipe_value


def plan_report(found: Plan) -> dict[str, Any]:
    """What ``plan`` prints: the recipe that was read, if any, and the plan."""
    recipe = found.subject.recipe
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "qlint", "version": __version__},
        "recipes": [recipe_value(recipe)] if recipe is not None else [],
        "dead_configurations": [],
        "skipped": [],
        "plan": plan_value(found),
    }


def plan_value(found: Plan) -> dict[str, Any]:
    """The value of ``plan`` in a report."""
    prediction = found.prediction
    return {
        "model": found.job.model.id,
        "gpu": None
        if found.cards is None
        else {
            "name": found.cards.name,
            "usable_bytes": found.cards.usable_bytes,
            "count": found.cards.count,
        },
        **_prediction(prediction),
        "method": "closed form" if found.closed_form is None else "simulation",
        "fits": found.fits,
        "margin_bytes": found.margin_bytes,
        "recommendation": found.recommended_fields,
        "options": [_option(step) for step in found.changes],
        "max_seq_length": found.room.max_seq_length if found.room is not None else None,
        "frontier": [
            {
                "per_device_train_batch_size": reach.per_device_train_batch_size,
                "max_seq_length": reach.max_seq_length,
            }
            for reach in (found.room.frontier if found.room is not None else ())
        ],
        "room": _room(found.room) if found.room is not None else None,
        "strategies": _strategies(found.shared) if found.shared is not None else [],
        "assumptions": list(found.subject.assumptions),
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "peak": {
            "allocated_bytes": prediction.peak_allocated_bytes,
            "reserved_bytes": prediction.peak_reserved_bytes,
            "least_reserved_bytes": prediction.least_reserved_bytes,
            "context_bytes": prediction.context_bytes,
            "at": prediction.at,
        },
        "error_band": {"low_bytes": prediction.low_bytes, "high_bytes": prediction.high_bytes},
        "components": [
            {"name": component.name, "bytes": component.bytes}
            for component in prediction.components
        ],
        "paged_bytes": prediction.paged_bytes,
        "host_bytes": prediction.host_bytes,
        "evaluation_bytes": prediction.evaluation_bytes,
    }


def _option(step: Step) -> dict[str, Any]:
    return {
        "change": step.change.name,
        "peak_allocated_bytes": step.prediction.peak_allocated_bytes,
        "saved_bytes": step.saved_bytes,
        "fits": step.fits,
        "cost": step.change.cost,
    }


def _room(room: Room) -> dict[str, Any]:
    return {
        "largest_batch": room.largest_batch,
        "without_checkpointing": room.without_checkpointing,
        "layers_in_16_bits": room.layers_in_16_bits,
    }


def _rounded(speeds: tuple[float, ...] | None) -> list[float] | None:
    return [round(speed, 3) for speed in speeds] if speeds is not None else None


def _strategies(shared: Shared) -> Sequence[dict[str, Any]]:
    return [
        {
            "name": one.way.name,
            "peak_allocated_bytes": one.prediction.peak_allocated_bytes,
            "needed_bytes": one.prediction.needed_bytes,
            "host_bytes": one.prediction.host_bytes,
            "fits": one.fits,
            "relative_speed": _rounded(relative_speed(one.way)),
            "published_seconds": list(one.way.seconds) if one.way.seconds else None,
            "upkeep": one.way.upkeep,
            "recommended": one is shared.recommended,
        }
        for one in shared.strategies
    ]
