"""A whole micro-step from single layers: what is allocated at every station, and the highest.

Layers of one kind are alike, so each kind is replayed once, forwards and backwards. If a layer
keeps K bytes for its backward, and leaves A bytes of new gradients behind, layer i starts its
backward on top of i times K and of A for every layer behind it. Both grow or fall steadily along
the layers, so the highest station is found by looking at each in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qlint.knowledge.shapes import Block, Linear
from qlint.memory.job import Job, Loss
from qlint.memory.step.adapted_linear import Adapter, adapted_linear, new_adapter
from qlint.memory.step.decoder_layer import decoder_layer
from qlint.memory.step.ledger import Amounts, Event, Ledger, balance, highest
from qlint.memory.step.loss import LOGITS, head, logits_bytes
from qlint.memory.step.precision import FLOAT32, Precision, precision_of
from qlint.memory.step.tensors import GRADIENTS, Node, Parameter, Tape, Tensor
from qlint.memory.targets import adapted_linears
from qlint.records import Record

BACKWARD = "gradients on the way"


class Station(Record):
    """The highest point of one stretch of the step."""

    at: str
    amounts: Amounts

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.amounts.values())


class Replay(Record):
    """What one stretch of the step allocates, each on top of where it starts."""

    forward_peak: Amounts
    kept: Amounts
    """What is left for the backward, the layer's input among it and its output not."""
    cache: Amounts
    """What lives until the forward of the whole model ends."""
    backward_peak: Amounts
    left: Amounts
    """New gradients, and what the graph holds on to until the loss is dropped."""
    forward: tuple[Event, ...]
    backward: tuple[Event, ...]
    stream: int
    """Bytes an element of the residual stream that comes out."""


class Walk(Record):
    """A micro-step: its layers in their order, and what follows the last of them."""

    layers: tuple[Replay, ...]
    head: Replay


def walk(job: Job) -> Walk:
    """Replay every kind of layer of this job once."""
    precision = precision_of(job)
    accumulates = job.gradient_accumulation_steps > 1
    # The embeddings set the precision of the residual stream; layers may widen it.
    stream = precision.rest
    # The first layer's input may need no gradient, so it keeps less.
    tracked = job.gradient_checkpointing
    layers: list[Replay] = []
    for block in job.model.blocks:
        known: dict[tuple[bool, int], Replay] = {}
        for _ in range(block.layers):
            key = tracked, stream
            if key not in known:
                known[key] = _layer(job, precision, block, accumulates, tracked, stream)
            layers.append(known[key])
            tracked, stream = True, known[key].stream
    return Walk(tuple(layers), _head(job, precision, accumulates, stream))


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
    graph = _sum(*(layer.left for layer in walked.layers))
    graph.pop(GRADIENTS, None)
    return Held(_sum(logits, graph), after)


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
            yield Station(f"forward of layer {index}", _sum(below, cache, replay.forward_peak))
        below = _sum(below, replay.kept)
        if replay.cache:
            cache = _sum(cache, replay.cache)
    yield Station("loss", _sum(below, cache, walked.head.forward_peak))
    gradients: Amounts = held.after if held else {}
    yield Station("backward of the loss", _sum(below, gradients, walked.head.backward_peak))
    gradients = _sum(gradients, walked.head.left)
    for index, replay in reversed(tuple(enumerate(walked.layers))):
        below = _difference(below, replay.kept)
        if index in ends:
            peak = _sum(below, gradients, replay.backward_peak)
            yield Station(f"backward of layer {index}", peak)
        gradients = _sum(gradients, replay.left)
    yield Station("end of the backward", gradients)


def _ends(layers: tuple[Replay, ...]) -> set[int]:
    """Where runs of the same replay begin and end."""
    last = len(layers) - 1
    return {
        index
        for index, replay in enumerate(layers)
        if index in (0, last) or layers[index - 1] is not replay or layers[index + 1] is not replay
    }


def _layer(
    job: Job, precision: Precision, block: Block, accumulates: bool, tracked: bool, stream: int
) -> Replay:
    ledger = Ledger()
    adapters = _adapters(job, precision, block, accumulates)
    checkpointed = job.gradient_checkpointing
    tape = Tape(ledger, not checkpointed, tracks=not (checkpointed and job.use_reentrant))

    def run(on: Tape, hidden: Tensor) -> Tensor:
        def project(linear: Linear, tensor: Tensor) -> Tensor:
            return adapted_linear(on, job, precision, linear, adapters.get(linear.name), tensor)

        return decoder_layer(on, job, precision, block, project, hidden)

    hidden = tape.new(_hidden_elements(job), stream)
    # Only preparation for checkpointing makes the embeddings' output require a gradient.
    if tracked:
        tape.source(hidden)
    result = run(tape, hidden)
    forward_peak = highest(ledger.events)[1]
    graph, result_size = result.node, result.size
    kept_input = [hidden] if checkpointed else []
    del hidden, result
    until_the_end = balance(ledger.events)
    _end_of_forward(tape, adapters)
    kept = balance(ledger.events)
    mark = len(ledger.events)
    gradient = [_gradient(tape, job, result_size)]
    if checkpointed:
        ends = _recompute(ledger, job, run, adapters, kept_input[0], gradient)
    else:
        ends = tape.backward(graph, gradient)
    backward_peak = _highest_after(ledger, kept, mark)
    ends.clear()
    kept_input.clear()
    left = balance(ledger.events)
    del graph
    events = tuple(ledger.events)
    cache = _difference(until_the_end, kept)
    return Replay(
        forward_peak, kept, cache, backward_peak, left, events[:mark], events[mark:], result_size
    )


def _gradient(tape: Tape, job: Job, size: int) -> Tensor:
    tape.ledger.kind = BACKWARD
    return tape.new(_hidden_elements(job), size)


def _recompute(
    ledger: Ledger,
    job: Job,
    run: Callable[[Tape, Tensor], Tensor],
    adapters: dict[str, Adapter],
    hidden: Tensor,
    gradient: list[Tensor],
) -> dict[Node, Tensor]:
    """The layer once more, with its graph, and then its backward
    (``torch/utils/checkpoint.py``); the reentrant way holds on to the result meanwhile."""
    tape = Tape(ledger)
    ledger.kind = "activations"
    start = Tensor(hidden.storage, hidden.elements, hidden.size, None)
    tape.source(start)
    output = run(tape, start)
    graph = output.node
    held = [output] if job.use_reentrant else []
    del output
    _end_of_forward(tape, adapters)
    ledger.kind = BACKWARD
    ends = tape.backward(graph, gradient)
    held.clear()
    return ends


def _head(job: Job, precision: Precision, accumulates: bool, stream: int) -> Replay:
    ledger = Ledger()
    tape = Tape(ledger)
    trained = _trained_output(job, precision, accumulates)
    hidden = tape.new(_hidden_elements(job), stream)
    tape.source(hidden)
    loss = head(tape, job, precision, hidden, trained)
    forward_peak = highest(ledger.events)[1]
    end = loss.node
    del hidden, loss
    if trained is not None:
        trained.cached = None
    kept = balance(ledger.events)
    mark = len(ledger.events)
    ledger.kind = LOGITS
    ends = tape.backward(end, [tape.new(1, 4)])
    backward_peak = _highest_after(ledger, kept, mark)
    ends.clear()
    del end
    events, left = tuple(ledger.events), balance(ledger.events)
    return Replay(forward_peak, {}, {}, backward_peak, left, events[:mark], events[mark:], FLOAT32)


def _highest_after(ledger: Ledger, kept: Amounts, mark: int) -> Amounts:
    start = [(kind, size, -1) for kind, size in kept.items()]
    return highest(start + ledger.events[mark:])[1]


def _adapters(
    job: Job, precision: Precision, block: Block, accumulates: bool
) -> dict[str, Adapter]:
    if job.lora_r is None:
        return {}
    adapted = adapted_linears(job.model, job.target_modules) or ()
    names = {linear.name for linear, _ in adapted}
    return {
        linear.name: new_adapter(job, precision, linear, accumulates)
        for linear in block.linears
        if linear.name in names
    }


def _end_of_forward(tape: Tape, adapters: dict[str, Adapter]) -> None:
    """Autocast's copies of trained weights go, and so do the outputs with the cache of keys."""
    tape.held.clear()
    for adapter in adapters.values():
        for parameter in adapter.parameters():
            parameter.cached = None


def _trained_output(job: Job, precision: Precision, accumulates: bool) -> Parameter | None:
    if "lm_head" not in job.modules_to_save:
        return None
    return Parameter(job.model.output.weights, precision.adapters, accumulates)


def _hidden_elements(job: Job) -> int:
    return job.per_device_train_batch_size * job.max_seq_length * job.model.hidden_size


def _sum(*parts: Amounts) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for kind, size in part.items():
            total[kind] = total.get(kind, 0) + size
    return total


def _difference(whole: Amounts, part: Amounts) -> Amounts:
    return _sum(whole, {kind: -size for kind, size in part.items()})
