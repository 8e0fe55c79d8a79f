"""The format ``full`` of ``plan``: the memory by component, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from qlint.memory.job import Job, Prediction
from qlint.planning.plan import Plan, Shared
from qlint.planning.published import BUDGET, WHY, posts
from qlint.planning.recommend import LEARNING_RATE, LORA_ALPHA
from qlint.planning.room import Room
from qlint.reporters.layout import Line, paragraph, plain
from qlint.reporters.wording import place
from qlint.rulebook.wording import gigabytes, scientific

_BAR = 36
"""Columns of the longest bar."""
_TOO_SMALL = 5_000_000
"""Components up to this many bytes are not worth a line; the sum has them."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def plan(found: Plan, *, budget: bool = False, runs: int = 1) -> Iterator[Line]:
    """Yield the whole plan; ``budget`` puts the published 24 GB budget beside the prediction.

    ``runs`` is how many runs there were to choose from.
    """
    yield from _head(found)
    yield []
    yield from _components(found.prediction)
    if found.closed_form is not None:
        formula = gigabytes(found.closed_form.peak_allocated_bytes)
        yield plain(f"  simulated step by step; the closed form says {formula}", "dim")
    yield from _verdict(found)
    if budget:
        yield []
        yield from _budget(found.prediction)
    if found.fits is False:
        yield []
        yield from _changes(found)
    if found.room is not None:
        yield []
        yield from _room(found.room, found.job)
        yield from _further(found)
    if found.shared is not None:
        yield []
        yield from _shared(found.shared)
    if found.recipe is not None and found.recommendation is not None:
        yield []
        yield from _recommendation(found)
    if runs > 1:
        yield []
        yield plain(f"{runs} runs were found and the first is planned; --run names another", "dim")
    if found.assumptions:
        yield []
        for assumption in found.assumptions:
            yield plain(f"  assumes: {assumption}", "dim")


def _head(found: Plan) -> Iterator[Line]:
    source = f"{place(found.recipe.source)}: " if found.recipe is not None else ""
    cards = ""
    if found.cards is not None:
        several = f"{found.cards.count} x " if found.cards.count > 1 else ""
        usable = gigabytes(found.cards.usable_bytes)
        cards = f" on {several}{found.cards.name} ({usable} usable)"
    yield [(source, "path"), (f"{found.job.model.id}{cards}", "bold")]
    label = "the recipe" if found.recipe is not None else "recommended"
    yield from paragraph(label, described(found.job), 2)


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
    for component in shown:
        yield [
            (f"  {component.name:<{width}}  ", ""),
            (f"{gigabytes(component.bytes):>8}  ", "bold"),
            (_bar(component.bytes / largest), "info"),
        ]
    total = prediction.peak_allocated_bytes
    band = f"{gigabytes(prediction.low_bytes)} to {gigabytes(prediction.high_bytes)}"
    yield [
        (f"  {'peak allocated':<{width}}  ", "bold"),
        (f"{gigabytes(total):>8}", "bold"),
        (f"  at {prediction.at}; {band}", "dim"),
    ]
    yield [
        (f"  {needed:<{width}}  ", ""),
        (f"{gigabytes(prediction.needed_bytes):>8}", ""),
        (
            f"  reserved {gigabytes(prediction.peak_reserved_bytes)}, context "
            f"{gigabytes(prediction.context_bytes)}",
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


def _bar(share: float) -> str:
    eighths = round(share * _BAR * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _verdict(found: Plan) -> Iterator[Line]:
    if found.cards is None:
        yield plain("  no card is given: add --gpu 24GB or --gpu rtx4090 to see whether it fits")
        return
    margin = found.margin_bytes or 0
    if found.fits:
        yield [("  it fits", "bold"), (f", with {gigabytes(margin)} to spare", "")]
    else:
        yield [("  it does not fit", "error"), (f": {gigabytes(-margin)} are missing", "")]
    band = found.prediction.high_bytes - found.prediction.peak_allocated_bytes
    if 0 <= margin < band:
        yield plain("  the margin is within the error of the prediction: measure it", "warning")


def _changes(found: Plan) -> Iterator[Line]:
    if not found.changes:
        yield plain("Nothing that qlint knows of makes it fit.", "bold")
        return
    enough = found.changes[-1].fits
    yield plain(
        "The cheapest changes that make it fit:"
        if enough
        else "Not even all of these together make it fit:",
        "bold",
    )
    for number, step in enumerate(found.changes, 1):
        yield [
            (f"  {number}. {step.change.name}: ", ""),
            (f"-{gigabytes(step.saved_bytes)}", "bold"),
            (f", peak {gigabytes(step.prediction.peak_allocated_bytes)}", ""),
        ]
        yield from paragraph("cost", step.change.cost, 5)


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
    if found.recipe is None or not found.changes:
        return
    yield plain("Each change by itself:", "bold")
    for step in found.changes:
        saved = gigabytes(step.saved_bytes)
        yield [
            (f"  {step.change.name}: ", ""),
            (f"-{saved}", "bold"),
            (f"; {step.change.cost}", ""),
        ]


def _shared(shared: Shared) -> Iterator[Line]:
    from qlint.planning.strategies import TIMES_SOURCE

    yield plain("Over the cards, on each of them:", "bold")
    width = max(len(one.way.name) for one in shared.strategies)
    for one in shared.strategies:
        seconds = one.way.seconds
        times = f"{seconds[0]} / {seconds[1]} s" if seconds else "no timing"
        yield [
            (f"  {one.way.name:<{width}}  ", ""),
            (f"{gigabytes(one.prediction.peak_allocated_bytes):>8}  ", "bold"),
            (f"{'fits' if one.fits else 'does not fit':<12}  ", "" if one.fits else "error"),
            (times, "dim"),
        ]
        yield from paragraph("upkeep", one.way.upkeep, 4)
    yield plain(f"  timings: {TIMES_SOURCE}", "dim")
    name = f"{shared.recommended.way.name}: " if shared.recommended is not None else ""
    yield from paragraph("recommended", f"{name}{shared.reason}.", 2)
    yield from paragraph(
        "against",
        "a common preference is LoRA + FSDP on two cards: no quantisation error, and the optimizer "
        "state is shared; at 7B the timings above do not bear it out, beyond what one card holds "
        "it is the way",
        2,
    )


def _recommendation(found: Plan) -> Iterator[Line]:
    assert found.recommendation is not None
    assert found.recommended_prediction is not None
    hyper = f"learning rate {scientific(LEARNING_RATE)}, alpha {LORA_ALPHA}"
    yield from paragraph("qlint's recipe here", f"{described(found.recommendation)}, {hyper}", 0)
    yield plain(
        f"  peak {gigabytes(found.recommended_prediction.peak_allocated_bytes)}; "
        "qlint plan --write train.py writes it as a run",
        "dim",
    )


def _budget(prediction: Prediction) -> Iterator[Line]:
    yield plain("A 24 GB budget often planned with, beside this prediction:", "bold")
    ours = posts(prediction.components)
    for name, size in BUDGET.items():
        bound = "under " if name == "adapters and optimizer" else ""
        yield plain(f"  {name:<24}{bound + gigabytes(size):>14}{gigabytes(ours[name]):>12}")
    yield plain(f"  {'together':<24}{gigabytes(sum(BUDGET.values())):>14}{_sum(ours):>12}", "bold")
    yield from paragraph("why they differ", WHY, 2)


def _sum(sizes: dict[str, int]) -> str:
    return gigabytes(sum(sizes.values()))
