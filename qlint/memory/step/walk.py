"""A whole micro-step from single layers: each kind is replayed once, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable

from qlint.knowledge.shapes import Block, Linear
from qlint.memory.job import Distribution, Job
from qlint.memory.step.adapted_linear import Adapter, adapted_linear, new_adapter
from qlint.memory.step.decoder_layer import decoder_layer
from qlint.memory.step.ledger import Amounts, Event, Ledger, balance, highest, less
from qlint.memory.step.loss import LOGITS, head
from qlint.memory.step.precision import FLOAT32, Precision, precision_of
from qlint.memory.step.tensors import Node, Parameter, Tape, Tensor
from qlint.memory.targets import adapted_linears
from qlint.records import Record

BACKWARD = "gradients on the way"


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
    inputs_outlive_backward: bool = False
    """Every layer's input and its gradient stay until the backward of the model ends."""


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
    head = _head(job, precision, accumulates, stream)
    return Walk(tuple(layers), head, _inputs_outlive_backward(job))


def _inputs_outlive_backward(job: Job) -> bool:
    """True for FSDP's first version around frozen layers that are checkpointed reentrantly.

    To shard a frozen layer again, FSDP hooks into the gradients of its inputs
    (``_register_post_backward_reshard_only_hook`` in ``torch/distributed/fsdp/_runtime_utils.py``).
    Each hook holds the inputs' own nodes (``grad_fns`` in ``register_multi_grad_hook``), and the
    input of a reentrant recomputation is a leaf, whose node holds it, and it its gradient. The
    circle is cut only when the whole backward has ended (``_finalize_params``). Where the
    checkpoint is inside of FSDP's module, the hook is on the layer's own input, which is no leaf.
    """
    sharded = job.distributed is Distribution.FSDP and job.fsdp_version == 1
    reentrant = job.gradient_checkpointing and job.use_reentrant and job.checkpoints_around_layers
    return sharded and reentrant and job.lora_r is not None


def _layer(
    job: Job, precision: Precision, block: Block, accumulates: bool, tracked: bool, stream: int
) -> Replay:
    ledger = Ledger()
    adapters = adapters_of(job, precision, block, accumulates)
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
    cache = less(until_the_end, kept)
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


def adapters_of(
    job: Job, precision: Precision, block: Block, accumulates: bool
) -> dict[str, Adapter]:
    """The adapters in one layer, by the names of their linear modules."""
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
    return Parameter(job.model.output.weights, precision.rest, accumulates)


def _hidden_elements(job: Job) -> int:
    return job.per_device_train_batch_size * job.max_seq_length * job.model.hidden_size
