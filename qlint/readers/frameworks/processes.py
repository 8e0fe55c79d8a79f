"""How many processes train together, and the batch that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qlint.readers.commands import Argument
from qlint.readers.documents.nodes import Scalar
from qlint.readers.frameworks.option_words import place_of
from qlint.readers.frameworks.overrides import Override
from qlint.recipe import ABSENT, Field, Origin, State

ONE_PROCESS = Field(State.DEFAULT, 1, (Origin(via="one process is assumed"),))
NOT_DISTRIBUTED = Field(State.DEFAULT, "none", (Origin(via="one process is assumed"),))
_VARIABLES = ("WORLD_SIZE", "NPROC_PER_NODE")
"""Set by whatever starts the processes; the second by people, for a framework that starts them."""


def asked_for(
    environment: Mapping[str, Argument], options: Sequence[Override], names: Sequence[str]
) -> Field | None:
    """The number of processes as the environment, or an option of ``names``, says; else None."""
    for variable in _VARIABLES:
        given = environment.get(variable)
        if given is None:
            continue
        stations = place_of(given, variable).stations
        if given.unknown is not None:
            return Field(State.UNKNOWN, None, (*stations, replace(stations[-1], via=given.unknown)))
        if given.text.isdecimal() and len(given.text) < 7 and int(given.text) > 0:
            return Field(State.SET, int(given.text), stations)
        reason = f"{variable}={given.text[:40]} is no number of processes"
        return Field(State.UNKNOWN, None, (*stations, replace(stations[-1], via=reason)))
    for option in options:
        if option.key not in names:
            continue
        stations = option.place.stations
        node = option.node
        if isinstance(node, Scalar) and type(node.value) is int and node.value > 0:
            return Field(State.SET, node.value, stations)
        reason = f"{option.key}: as many processes as the machine has cards"
        return Field(State.UNKNOWN, None, (*stations, replace(stations[-1], via=reason)))
    return None


def complete(fields: dict[str, Field], spread: str) -> None:
    """Fill in `world_size`, `distributed` and `effective_batch_size` where nothing has yet.

    ``spread`` is how the framework itself trains on several processes.
    """
    world = fields.setdefault("world_size", ONE_PROCESS)
    if world.state is State.UNKNOWN:
        fields.setdefault("distributed", world)
    elif type(world.value) is int and world.value > 1:
        fields.setdefault("distributed", Field(State.SET, spread, world.origin))
    else:
        fields.setdefault("distributed", NOT_DISTRIBUTED)
    if "effective_batch_size" not in fields:
        fields["effective_batch_size"] = effective_batch(fields)


def effective_batch(fields: Mapping[str, Field]) -> Field:
    """Per-device batch times accumulation times world size."""
    batch = fields.get("per_device_train_batch_size", ABSENT)
    accumulation = fields.get("gradient_accumulation_steps", ABSENT)
    world = fields.get("world_size", ABSENT)
    parts = (batch, accumulation, world)
    for part in parts:
        if part.state is State.UNKNOWN:
            return Field(State.UNKNOWN, None, (Origin(via=part.reason or "a part is not known"),))
    values = [part.value for part in parts if part.known]
    if len(values) != 3 or not all(type(value) is int for value in values):
        return ABSENT
    given = [part for part in parts if part.state is State.SET]
    product = values[0] * values[1] * values[2]
    origin = tuple(station for part in given for station in part.origin)
    return Field(State.SET if given else State.DEFAULT, product, origin or batch.origin)
