"""A recipe while companions are merged into it: its fields so far, and what contradicts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qlint.recipe import ABSENT, Companion, Field, Note, Origin, Recipe, State

_SHARING = {
    "zero_stage": ("zero_stage",),
    "offload_optimizer": ("offload_optimizer",),
    "offload_param": ("offload_param",),
    "fsdp_version": ("version", "fsdp_version"),
    "fsdp_offload_params": ("offload_params", "fsdp_offload_params"),
}
"""Facts of a recipe, and what companions call them: FSDP's own file leaves its prefix out."""
_OVER_TRAINER = frozenset({
    "axolotl", "llamafactory", "ms-swift", "alignment-handbook", "autotrain", "trl",
})  # fmt: skip
"""Frameworks, as recipes name them, that hand what they read to transformers' TrainingArguments and
Trainer, and whose runs name no trainer."""


class Merging:
    """One recipe on its way: the fields so far, and what contradicts them."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.fields = dict(recipe.fields)
        self.facts = dict(recipe.facts)
        self.notes: list[Note] = []
        self.inputs: list[str] = []
        self.assumptions: list[str] = []

    @property
    def by_trainer(self) -> bool:
        """Whether a trainer of transformers drives the run, whose arguments must agree."""
        return self.field("trainer").known or self.recipe.framework in _OVER_TRAINER

    def field(self, name: str) -> Field:
        """A field as it stands."""
        return self.fields.get(name, ABSENT)

    def done(self) -> Recipe:
        """The recipe with all that was merged."""
        inputs = tuple(dict.fromkeys((*self.recipe.inputs, *self.inputs)))
        assumptions = (*self.recipe.assumptions, *self.assumptions)
        return replace(
            self.recipe,
            fields=self.fields,
            facts=self.facts,
            inputs=inputs,
            assumptions=assumptions,
        )

    def put(self, name: str, field: Field, *before: Origin) -> None:
        """A field that the companion decides; ``before`` is how the run comes to it."""
        self.fields[name] = replace(field, origin=(*field.origin, *before))

    def take(self, name: str, companion: Companion, *before: Origin) -> None:
        """A field as the companion says it."""
        self.put(name, companion.fields[name], *before)

    def share(self, companion: Companion) -> None:
        """What the companion says of how processes share the run."""
        for name, theirs in _SHARING.items():
            for key in theirs:
                if key in companion.facts:
                    self.facts[name] = companion.facts[key]

    def lose(self, names: Sequence[str], reason: str, origin: Sequence[Origin]) -> None:
        """Fields that are not known because a configuration is not, where nothing else says."""
        place = origin[-1] if origin else Origin()
        stations = (*origin, replace(place, via=reason))
        for name in names:
            if self.field(name).state is not State.SET:
                self.fields[name] = Field(State.UNKNOWN, None, stations)

    def conflict(self, name: str, companion: Companion, consequence: str) -> None:
        """Note that the run and a companion say different things about a field."""
        theirs, ours = companion.fields[name], self.field(name)
        place = theirs.origin[0] if theirs.origin else Origin(companion.source.path, 1, 1)
        other = next((one for one in ours.origin if one.path is not None), None)
        message = (
            f"{name} is {_shown(theirs)} in {companion.source.path}, "
            f"but {_shown(ours)} {_where(other)}: {consequence}"
        )
        self.notes.append(Note("conflict", name, message, place, other=other))


def is_on(field: Field | None) -> bool:
    """Whether a field is known to be true."""
    return field is not None and field.known and field.value is True


def differs(one: Field, other: Field) -> bool:
    """Whether two fields are known and say different things."""
    if not (one.known and other.known):
        return False
    if isinstance(one.value, bool) or isinstance(other.value, bool):
        return bool(one.value) is not bool(other.value)
    return bool(one.value != other.value)


def _shown(field: Field) -> str:
    value = field.value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _where(origin: Origin | None) -> str:
    if origin is None or origin.path is None:
        return "by default"
    return f"in {origin.path}:{origin.line}" if origin.line else f"in {origin.path}"
