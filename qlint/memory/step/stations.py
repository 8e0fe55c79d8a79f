"""What is allocated at every station of a micro-step, and the highest.

Layers of one kind are alike. If a layer keeps K bytes for its backward, and leaves A bytes of new
gradients behind, layer i starts its backward on top of i times K and of A for every layer behind
it. Both grow or fall steadily along the layers, so the highest station is found by looking at each
in turn.
"""

from __future__ import annotations

from collections.abc import Iterator

from qlint.memory.job import Job, Loss
from qlint.memory.step.ledger import Amounts, added, less
from qlint.memory.step.loss import LOGITS, logits_bytes
from qlint.memory.step.precision import precision_of
from qlint.memory.step.tensors import GRADIENTS
from qlint.memory.step.walk import BACKWARD, Replay, Walk
from qlint.records import Record


class Station(Record):
    """The highest point of one stretch of the step."""

    at: str
    amounts: Amounts

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.amounts.values())


class Held(Record):
    """What the names of a hand-written loop keep alive."""

    before: Amounts
    """Through the next forward: the last logits, and what stands on the nodes of the last graph."""
    after: Amounts
    """Through the backward: the logits."""


def held_by_loop(job: Job, walked: Walk) -> Held:
    """Nothing for trainers, whose names go with the function that computes the loss."""
    if job.outputs_live == "to the loss":
        return Held({}, {})
    logits = {LOGITS: logits_bytes(job, precision_of(job))}
    # LitGPT's loss counts its list of logits itself, as it has no other use for them.
    after = {} if job.loss is Loss.NARROW else logits
    if job.outputs_live == "through the backward":
        return Held({}, after)
    graph = added(*(layer.left for layer in walked.layers))
    graph.pop(GRADIENTS, None)
    return Held(added(logits, graph), after)


def stations(
    walked: Walk, held: Held | None = None, every_layer: bool = False
) -> Iterator[Station]:
    """The stretches of a micro-step in their order, with all that is allocated at their peaks.

    Along layers that are alike what is allocated grows or falls steadily, so the first and the last
    of them are enough, unless the caller counts it otherwise and asks for every one.
    """
    below: Amounts = {}
    cache: Amounts = held.before if held else {}
    ends = range(len(walked.layers)) if every_layer else _ends(walked.layers)
    for index, replay in enumerate(walked.layers):
        if index in ends:
            yield Station(f"forward of layer {index}", added(below, cache, replay.forward_peak))
        below = added(below, replay.kept)
        if replay.cache:
            cache = added(cache, replay.cache)
    yield Station("loss", added(below, cache, walked.head.forward_peak))
    gradients: Amounts = held.after if held else {}
    yield Station("backward of the loss", added(below, gradients, walked.head.backward_peak))
    gradients = added(gradients, walked.head.left)
    last = len(walked.layers) - 1
    for index, replay in reversed(tuple(enumerate(walked.layers))):
        below = less(below, replay.kept)
        if index in ends:
            peak = added(below, gradients, replay.backward_peak)
            yield Station(f"backward of layer {index}", peak)
        gradients = added(gradients, replay.left)
        if walked.inputs_outlive_backward:
            # The gradient that came in is that of the next layer's input; the loss' own goes.
            came_in = sum(replay.kept.values()) if index < last else 0
            gradients = added(gradients, replay.kept, {BACKWARD: came_in})
    yield Station("end of the backward", gradients)


def _ends(layers: tuple[Replay, ...]) -> set[int]:
    """Where runs of the same replay begin and end."""
    last = len(layers) - 1
    return {
        index
        for index, replay in enumerate(layers)
        if index in (0, last) or layers[index - 1] is not replay or layers[index + 1] is not replay
    }
