"""Ways to share a run over several cards: what each takes on a card, how fast it is, its upkeep."""

from __future__ import annotations

from qlint.memory.job import Distribution, Job, Prediction
from qlint.planning.fitting import Predict
from qlint.records import Record, replace

TIMED_ON = ("2x4090", "2x3090")
TIMES_SOURCE = "AnswerDotAI/fsdp_qlora, Llama-2-7B, context 2048"


class Way(Record):
    """One way to run: ``seconds`` are the published ones of :data:`TIMES_SOURCE`, if any."""

    name: str
    quantised: bool
    distributed: Distribution
    upkeep: str
    seconds: tuple[int, int] | None = None
    cards: int | None = None
    """How many cards it uses, where that is not all of them."""


WAYS: tuple[Way, ...] = (
    Way(
        "QLoRA on one card",
        True,
        Distribution.SINGLE,
        "the simplest: one process, no launcher",
        cards=1,
    ),
    Way(
        "QLoRA + DDP",
        True,
        Distribution.DDP,
        "torchrun; every card holds the whole model; device_map must name the process's own card",
        (450, 875),
    ),
    Way(
        "LoRA 16-bit + DDP",
        False,
        Distribution.DDP,
        "torchrun; no quantisation to look after; every card holds the whole model",
        (437, 881),
    ),
    Way(
        "LoRA 16-bit + FSDP",
        False,
        Distribution.FSDP,
        "an accelerate configuration; merged checkpoints need gathering; no bitsandbytes",
        (481, 1199),
    ),
    Way(
        "QLoRA + FSDP",
        True,
        Distribution.FSDP,
        "quant_storage must be the model's dtype; loading and saving are the most delicate of all",
        (466, 936),
    ),
)


_PUBLISHED = [way.seconds for way in WAYS if way.seconds is not None]


def relative_speed(way: Way) -> tuple[float, ...] | None:
    """How fast a way is on each of the timed pairs of cards, against the fastest; None if untimed.

    One card of two does at best half of what both do: that is no timing.
    """
    if way.seconds is None:
        return None
    fastest = [min(times) for times in zip(*_PUBLISHED, strict=True)]
    return tuple(least / own for least, own in zip(fastest, way.seconds, strict=True))


class Strategy(Record):
    """A way, and what the job takes on each card in it."""

    way: Way
    job: Job
    prediction: Prediction
    fits: bool


def strategies(job: Job, cards: int, usable_bytes: int, predict: Predict) -> list[Strategy]:
    """All ways for ``cards`` cards with ``usable_bytes`` each, with LoRA even where ``job`` trains
    every parameter."""
    found = []
    job = job if job.lora_r is not None else replace(job, lora_r=8)
    for way in WAYS:
        shared = _job(job, way, cards)
        prediction = predict(shared)
        found.append(Strategy(way, shared, prediction, prediction.needed_bytes <= usable_bytes))
    return found


def recommended(found: list[Strategy]) -> tuple[Strategy | None, str]:
    """The strategy to use, and why and when that flips.

    By measurement plain data parallelism is at least as fast as sharding wherever the model fits a
    card, and 16-bit LoRA is the simplest to look after; so the order is LoRA + DDP, QLoRA + DDP,
    LoRA + FSDP, QLoRA + FSDP, one card.
    """
    by_name = {one.way.name: one for one in found if one.fits}
    for name, reason in _ORDER:
        if name in by_name:
            return by_name[name], reason
    return None, "none of these fits: shorten the sequences, or use cards with more memory"


_ORDER: tuple[tuple[str, str], ...] = (
    (
        "LoRA 16-bit + DDP",
        "16-bit LoRA fits each card: nothing is dequantised and nothing is gathered. It flips to "
        "LoRA + FSDP once the 16-bit base no longer fits one card, and to QLoRA + DDP where longer "
        "sequences or larger micro-batches are worth more than the time spent on dequantising",
    ),
    (
        "LoRA 16-bit + FSDP",
        "16-bit LoRA fits when it is sharded. QLoRA + DDP, where it fits, was faster in the "
        "published timings; it flips to that where speed counts more than staying without "
        "quantisation",
    ),
    (
        "QLoRA + DDP",
        "the 16-bit base does not fit even sharded, the 4-bit base fits each card. It flips to "
        "QLoRA + FSDP once the 4-bit base no longer fits one card",
    ),
    (
        "QLoRA + FSDP",
        "only a sharded 4-bit base fits. It flips to one of the simpler ways with more memory a "
        "card",
    ),
    ("QLoRA on one card", "one card is enough; the others can run other experiments"),
)


def _job(job: Job, way: Way, cards: int) -> Job:
    world = way.cards or cards
    shared = replace(job, distributed=way.distributed, world_size=world)
    if way.quantised:
        return replace(
            shared,
            quant_method="bitsandbytes",
            load_in_4bit=True,
            load_in_8bit=False,
            quant_storage=job.base_dtype if way.distributed is Distribution.FSDP else "uint8",
        )
    return replace(
        shared, quant_method="none", load_in_4bit=False, load_in_8bit=False, kbit_prepare=False
    )
