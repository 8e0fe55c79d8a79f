"""The answers of a recipe to the questions of the memory model, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qlint.recipe import Json, Recipe, State


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value that the recipe does not decide: which was taken, and why that one."""

    field: str
    value: Json
    why: str


@dataclass(slots=True)
class Answers:
    """Values of a recipe's fields, with a note of every one that had to be made up."""

    recipe: Recipe
    assumptions: list[Assumption] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)

    def assume(self, name: str, value: Any, why: str) -> Any:
        """Take ``value`` for what the recipe leaves open, and note it."""
        self.assumptions.append(Assumption(name, value, why))
        return value

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """A switch."""
        value = self.recipe.value(name)
        if isinstance(value, bool):
            return value
        if self.recipe[name].possible or self.recipe[name].state is State.UNKNOWN:
            return bool(self.assume(name, otherwise, self.reason(name)))
        return otherwise

    def whole(self, name: str, otherwise: int) -> int:
        """A whole number of at least 1."""
        value = self.recipe.value(name)
        if type(value) is int and value > 0:
            return value
        return int(self.assume(name, otherwise, self.reason(name)))

    def number(self, name: str, otherwise: float) -> float:
        """A number of at least 0; nothing is noted where it is not known."""
        value = self.recipe.value(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return float(value)
        return otherwise

    def text(self, name: str) -> str | None:
        """A string, or None."""
        value = self.recipe.value(name)
        return value if isinstance(value, str) else None

    def reason(self, name: str) -> str:
        """Why a field is not known."""
        return self.recipe[name].reason or "the recipe does not say"


def before(recipe: Recipe, library: str, major: int, minor: int, otherwise: bool = False) -> bool:
    """True where the version whose defaults were used is older; ``otherwise`` if unknown."""
    version = recipe.versions.get(library, {}).get("version", "")
    parts = version.split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        return otherwise
    return (int(parts[0]), int(parts[1])) < (major, minor)
