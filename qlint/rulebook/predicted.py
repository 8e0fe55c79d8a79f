"""What a run is predicted to take of its card, for the rules about memory.

A forecast is made once for each recipe that rules look at, and each of its predictions once for
each job, however many rules ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from qlint.errors import UsageError
from qlint.knowledge.gpus import Card, parse_cards
from qlint.memory.answers import Assumption
from qlint.memory.from_recipe import from_recipe
from qlint.memory.job import Job, Prediction
from qlint.memory.predict import predict
from qlint.recipe import Recipe
from qlint.rulebook.recipe_facts import model_of
from qlint.rulebook.rule import Context
from qlint.rulebook.training_method import Method, method_of
from qlint.rulebook.wording import gigabytes

SPARE = 0.2
"""Share of the card that has to stay free for a memory finding to become an info."""

_HARMLESS = frozenset({"attn_implementation", "base_dtype", "bf16", "kbit_prepare"})
"""Assumptions that no decision hangs on: each is one of few values that differ little, or is
concluded from the framework."""

_OTHER_CODE = frozenset({"litgpt", "swift-megatron", "torchtune"})
_OTHER_HEADS = ("Classification", "QuestionAnswering", "FeatureExtraction", "AutoModel")

cached_predict = lru_cache(maxsize=1024)(predict)
"""The prediction of a job, made once."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one run is predicted to take, on the card of the settings where they name one."""

    job: Job
    prediction: Prediction
    card: Card | None
    assumptions: tuple[Assumption, ...]
    """What was assumed and matters; empty where everything that matters is known."""

    @property
    def decided(self) -> bool:
        """Nothing that the peak hangs on had to be assumed."""
        return not self.assumptions

    @property
    def fits(self) -> bool | None:
        """Whether the run fits the card; None without one."""
        return None if self.card is None else self.needed <= self.card.usable_bytes

    @property
    def needed(self) -> int:
        """Bytes that the card must offer: reserved memory and the CUDA context."""
        return self.prediction.needed_bytes

    @property
    def least_needed(self) -> int:
        """The same at the low end of the error band."""
        return self.needed - (self.prediction.peak_allocated_bytes - self.prediction.low_bytes)

    def fits_with_spare(self, spare: float = SPARE) -> bool:
        """True where the run is known to fit and leaves this share of the card free."""
        if self.card is None or not self.decided:
            return False
        return self.needed <= self.card.usable_bytes * (1 - spare)

    def changed(self, **changes: Any) -> Forecast:
        """The same run with these values of its job changed."""
        job = replace(self.job, **changes)
        return replace(self, job=job, prediction=cached_predict(job))

    def saved_by(self, **changes: Any) -> int:
        """Bytes that the card must offer less with these changes; negative where it is more."""
        return self.needed - self.changed(**changes).needed

    @property
    def share(self) -> str:
        """The part of the card that is needed: ``, 41 % of the 25.4 GB of 24GB``, else nothing."""
        return self.share_of(self.needed)

    def share_of(self, size: int) -> str:
        """The same for any number of bytes."""
        if self.card is None:
            return ""
        percent = 100 * size / self.card.usable_bytes
        shown = f"{percent:.0f}" if percent >= 1 else f"{percent:.1g}"
        return (
            f", {shown} % of the {gigabytes(self.card.usable_bytes)} that {self.card.name} offers"
        )

    @property
    def tokens(self) -> str:
        """The micro-step it was predicted for: ``1 x 1024 tokens``, with what was assumed."""
        job = self.job
        shape = f"{job.per_device_train_batch_size} x {job.max_seq_length} tokens"
        assumed = "; ".join(
            f"{one.field} taken as {one.value}: {one.why}" for one in self.assumptions
        )
        return f"{shape} ({assumed})" if assumed else shape

    @property
    def outlook(self) -> str:
        """The predicted peak in a sentence."""
        return f"Predicted peak at {self.tokens}: about {gigabytes(self.needed)}{self.share}."


def forecast_of(recipe: Recipe, context: Context) -> Forecast | None:
    """The forecast of a run, or None where its model, its adapters or its code are not known.

    The memory model follows the code of transformers, PEFT and bitsandbytes over a next-token loss:
    a preference method runs other batches, a classifier has no logits over a vocabulary, and
    torchtune and LitGPT have layers of their own.
    """
    kind = recipe.fact("model_class")
    other_head = isinstance(kind, str) and kind.endswith(_OTHER_HEADS)
    if other_head or recipe.framework in _OTHER_CODE or method_of(recipe) is not Method.SFT:
        return None
    reading = from_recipe(recipe, model_of(recipe, context))
    if reading.job is None:
        return None
    assumptions = tuple(one for one in reading.assumptions if _matters(one, recipe))
    return Forecast(reading.job, cached_predict(reading.job), card_of(context.gpu), assumptions)


def _matters(assumption: Assumption, recipe: Recipe) -> bool:
    # Another method of 4 bits is counted as NF4, its nearest kin.
    four_bits = assumption.field == "load_in_4bit" and recipe["load_in_4bit"].known
    return assumption.field not in _HARMLESS and not four_bits


@lru_cache(maxsize=8)
def card_of(gpu: str | None) -> Card | None:
    """One card of those that the settings name (``"24GB"``, ``"2x24GB"``), None if unknown."""
    if gpu is None:
        return None
    try:
        return parse_cards(gpu)[1]
    except UsageError:
        return None
