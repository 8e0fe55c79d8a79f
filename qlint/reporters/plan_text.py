"""The format ``full`` of ``plan``: the memory by component, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.knowledge.gpus import smallest_card
from qlint.memory.job import Distribution, Job, Prediction
from qlint.planning.plan import Plan
from qlint.planning.published import ACTIVATIONS_DIFFER, BUDGET, WEIGHTS_DIFFER, posts
from qlint.planning.room import Room
from qlint.reporters.layout import Line, paragraph, plain, spare_columns
from qlint.reporters.wording import place
from qlint.rulebook.wording import gigabytes, number, scientific

_BAR = 36
"""Columns of the longest bar."""
_TOO_SMALL = 5_000_000
"""Components up to this many bytes are not worth a line; the sum has them."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def plan(found: Plan, *, runs: int = 1) -> Iterator[Line]:
    """Yield the whole plan; ``runs`` is how many runs there were to choose from."""
    yield from _head(found)
    yield []
    yield from _components(found.prediction)
    if found.closed_form is not None:
        formula = gigabytes(found.closed_form.peak_allocated_bytes)
        yield plain(f"  simulated step by step; the closed form says {formula}", "dim")
    yield from _verdict(found)
    if budget_applies(found):
        yield []
        yield from _budget(found)
    if found.cards is not None and found.room is None:
        yield []
        yield from _changes(found)
    if found.room is not None:
        yield []
        yield from _room(found.room, found.job)
        yield from _further(found)
    if found.shared is not None:
        yield []
        from qlint.reporters.plan_strategies import strategies

        yield from strategies(found.shared)
    if found.subject.recipe is not None and found.recommendation is not None:
        yield []
        yield from _recommendation(found)
    if runs > 1:
        yield []
        yield plain(f"{runs} runs were found and the first is planned; --run names another", "dim")
    if found.subject.assumptions:
        yield []
        for assumption in found.subject.assumptions:
            yield from paragraph("assumes", assumption, 2)


def _head(found: Plan) -> Iterator[Line]:
    recipe = found.subject.recipe
    source = f"{place(recipe.source)}: " if recipe is not None else ""
    cards = ""
    if found.cards is not None:
        several = f"{found.cards.count} x " if found.cards.count > 1 else ""
        each = " each" if several else ""
        cards = f" on {several}{found.cards.name} ({gigabytes(_usable(found))} usable{each})"
    yield [(source, "path"), (f"{found.job.model.id}{cards}", "bold")]
    if recipe is not None:
        yield from paragraph("the recipe", described(found.job), 2)
    else:
        yield from paragraph("recommended", f"{described(found.job)}, {_hyper(found)}", 2)


def _usable(found: Plan) -> int:
    return found.cards.usable_bytes if found.cards is not None else 0


def _hyper(found: Plan) -> str:
    fields = found.recommended_fields
    rate, alpha = fields["learning_rate"], fields["lora_alpha"]
    return f"learning rate {scientific(rate)}, alpha {number(alpha)}"


def described(job: Job) -> str:
    """A job in one sentence."""
    return ", ".join([_base(job), *_adapter(job), *_step(job)])


def _base(job: Job) -> str:
    if job.load_in_4bit:
        double = " with double quantisation" if job.double_quant else ""
        return f"{job.quant_type.upper()}{double}, computing in {job.compute_dtype}"
    if job.load_in_8bit:
        return "an 8-bit base (LLM.int8)"
    return f"a base in {job.base_dtype}"


def _adapter(job: Job) -> Iterator[str]:
    if job.lora_r is None:
        yield "full fine-tuning"
        return
    targets = job.target_modules
    names = targets if isinstance(targets, str) else "/".join(targets)
    yield f"{'DoRA' if job.use_dora else 'LoRA'} r {job.lora_r} on {names}"


def _step(job: Job) -> Iterator[str]:
    yield f"{job.max_seq_length} tokens"
    yield f"micro-batch {job.per_device_train_batch_size} x {job.gradient_accumulation_steps}"
    yield f"checkpointing {'on' if job.gradient_checkpointing else 'off'}"
    yield job.optim


def _components(prediction: Prediction) -> Iterator[Line]:
    shown = [one for one in prediction.components if one.bytes > _TOO_SMALL]
    needed = "with the allocator and CUDA"
    width = max(len(needed), *(len(one.name) for one in shown))
    largest = max((one.bytes for one in shown), default=1)
    columns = min(_BAR, spare_columns(width + 15))
    for component in shown:
        yield [
            (f"  {component.name:<{width}}  ", ""),
            (f"{gigabytes(component.bytes):>8}  ", "bold"),
            (_bar(component.bytes / largest, columns), "info"),
        ]
    total = prediction.peak_allocated_bytes
    band = _between(prediction.low_bytes, prediction.high_bytes)
    yield [
        (f"  {'peak allocated':<{width}}  ", "bold"),
        (f"{gigabytes(total):>8}", "bold"),
        (f"  {band}, at {prediction.at}", "dim"),
    ]
    yield [
        (f"  {needed:<{width}}  ", ""),
        (f"{gigabytes(prediction.needed_bytes):>8}", ""),
        (
            f"  reserved {_reserved(prediction)}, context {gigabytes(prediction.context_bytes)}",
            "dim",
        ),
    ]
    if prediction.paged_bytes:
        yield plain(
            f"  {gigabytes(prediction.paged_bytes)} of optimizer state is paged: it moves to the "
            "host's memory when the card is full",
            "dim",
        )
    if prediction.evaluation_bytes is not None:
        yield plain(
            f"  an evaluation step peaks at {gigabytes(prediction.evaluation_bytes)}", "dim"
        )


def _between(low: int, high: int) -> str:
    return f"{gigabytes(low).removesuffix(' GB')} to {gigabytes(high)}"


def _reserved(prediction: Prediction) -> str:
    """What the allocator needs, and what it takes where there is room."""
    least = gigabytes(prediction.least_reserved_bytes)
    most = gigabytes(prediction.peak_reserved_bytes)
    return (
        least
        if least == most
        else _between(prediction.least_reserved_bytes, prediction.peak_reserved_bytes)
    )


def _bar(share: float, columns: int) -> str:
    eighths = round(share * columns * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _verdict(found: Plan) -> Iterator[Line]:
    if found.cards is None:
        yield plain("  no card is given: add --gpu 24GB or --gpu rtx4090 to see whether it fits")
        return
    several = found.shared is not None and found.job.distributed is Distribution.SINGLE
    one_card = " one card" if several else ""
    margin = found.cards.usable_bytes - found.prediction.needed_bytes
    if margin >= 0:
        yield [(f"  it fits{one_card}", "bold"), (f", with {gigabytes(margin)} to spare", "")]
    else:
        yield [
            (f"  it does not fit{one_card}", "error"),
            (f": {gigabytes(-margin)} are missing", ""),
        ]
    band = found.prediction.most_needed_bytes - found.prediction.needed_bytes
    if abs(margin) < band:
        yield plain("  the margin is within the error of the prediction: measure it", "warning")


def _larger(least: Prediction) -> Iterator[Line]:
    card = smallest_card(least.most_needed_bytes)
    takes = f"a card of {card} or several" if card else "more than any one card has: several"
    yield plain(f"  at {gigabytes(least.most_needed_bytes)} at most it takes {takes}")


def _changes(found: Plan) -> Iterator[Line]:
    if not found.changes:
        yield plain("Nothing that qlint knows of makes it fit.", "bold")
        yield from _larger(found.prediction)
        return
    enough = found.changes[-1].fits
    yield plain(
        "The cheapest changes that make it fit:"
        if enough
        else "Not even all of these together make it fit:",
        "bold",
    )
    for position, step in enumerate(found.changes, 1):
        yield [
            (f"  {position}. {step.change.name}: ", ""),
            (f"-{gigabytes(step.saved_bytes)}", "bold"),
            (f", peak {gigabytes(step.prediction.peak_allocated_bytes)}", ""),
        ]
        yield from paragraph("cost", step.change.cost, 5)
    least = found.changes[-1].prediction
    if not enough:
        yield from _larger(least)
    elif least.most_needed_bytes > _usable(found):
        yield plain("  that fits by less than the error of the prediction: measure it", "warning")


def _room(room: Room, job: Job) -> Iterator[Line]:
    yield plain("What the room buys, even at the upper end of the error band:", "bold")
    if room.max_seq_length is not None:
        positions = job.model.config.get("max_position_embeddings")
        ends = isinstance(positions, int) and positions < room.max_seq_length
        yield plain(
            f"  sequences up to {room.max_seq_length} tokens at micro-batch "
            f"{job.per_device_train_batch_size}"
            + (f" (the model's own context ends at {positions})" if ends else "")
        )
    if room.largest_batch > job.per_device_train_batch_size:
        yield plain(
            f"  a micro-batch of {room.largest_batch} at {job.max_seq_length} tokens: weights are "
            "dequantised less often"
        )
    if room.without_checkpointing:
        yield plain("  no checkpointing: steps without recomputation, about 20 to 25 % shorter")
    if room.layers_in_16_bits:
        yield plain(f"  {_unquantised(room.layers_in_16_bits, job.model.layers)}")
    reach = [f"{one.per_device_train_batch_size} x {one.max_seq_length}" for one in room.frontier]
    yield from paragraph("micro-batch x longest sequence", ", ".join(reach), 2)


def _unquantised(layers: int, all_layers: int) -> str:
    if layers == all_layers:
        return "every layer in 16 bits: LoRA without quantisation, nothing is dequantised"
    return (
        f"{layers} of {all_layers} layers left in 16 bits (llm_int8_skip_modules): nothing is "
        "dequantised in them"
    )


def _further(found: Plan) -> Iterator[Line]:
    if found.subject.recipe is None or not found.changes:
        return
    yield plain("Each change by itself:", "bold")
    for step in found.changes:
        saved = gigabytes(step.saved_bytes)
        yield [(f"  {step.change.name}: ", ""), (f"-{saved}", "bold")]
        yield from paragraph("cost", step.change.cost, 4)


def _recommendation(found: Plan) -> Iterator[Line]:
    assert found.recommendation is not None
    assert found.recommended_prediction is not None
    recipe = f"{described(found.recommendation)}, {_hyper(found)}"
    yield from paragraph("qlint's recipe here", recipe, 0)
    peak = gigabytes(found.recommended_prediction.peak_allocated_bytes)
    yield plain(f"  peak {peak}; with --write train.py it is written as a run", "dim")


def budget_applies(found: Plan) -> bool:
    """The published budget is for a 7B model in 4 bits, and for no run in particular."""
    model = found.job.model
    return found.subject.recipe is None and 6 < model.billions < 9 and found.job.load_in_4bit


def _budget(found: Plan) -> Iterator[Line]:
    yield plain("A 24 GB budget often planned with, beside this prediction:", "bold")
    ours = posts(found.prediction.components)
    for name, size in BUDGET.items():
        bound = "under " if name == "adapters and optimizer" else ""
        yield plain(f"  {name:<24}{bound + gigabytes(size):>14}{gigabytes(ours[name]):>12}")
    yield plain(f"  {'together':<24}{gigabytes(sum(BUDGET.values())):>14}{_sum(ours):>12}", "bold")
    yield from paragraph("why they differ", _why(found), 2)


def _why(found: Plan) -> str:
    if found.recomputing_nothing is None:
        return WEIGHTS_DIFFER
    activations = posts(found.recomputing_nothing.components)["activations"]
    return f"{ACTIVATIONS_DIFFER} {gigabytes(activations)}. {WEIGHTS_DIFFER}"


def _sum(sizes: dict[str, int]) -> str:
    return gigabytes(sum(sizes.values()))
