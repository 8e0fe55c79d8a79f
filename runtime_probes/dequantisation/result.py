"""What the probe of dequantisation reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The independent check: ``share`` by another ``method``."""

    method: str
    share: float | None = None
    direct: float | None = None
    """What the direct measurement says of the same layers."""
    noise: float | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Unquantised:
    """The same step with dense weights in ``layers`` of the ``of`` 4-bit layers."""

    step_seconds: float | None = None
    share: float | None = None
    """By which fraction of a step it is shorter."""
    noise: float | None = None
    layers: int = 0
    of: int = 0
    bytes: int = 0
    """What the dense weights take."""
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Dequantisation:
    """Fractions of a step's time; or only ``skipped``, the reason why there are none.

    ``step_seconds`` is wall time. ``noise`` is half the spread of the middle half of pairs of equal
    steps (A/A), ``overhead`` what measuring added to the steps that were measured.
    """

    skipped: str | None = None
    share: dict[str, float] = field(default_factory=dict)
    step_seconds: float | None = None
    steps: int | None = None
    method: str | None = None
    noise: float | None = None
    overhead: float | None = None
    calls: dict[str, int] = field(default_factory=dict)
    by_module: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    parts_method: str | None = None
    busy: float | None = None
    """The fraction of a step in which the GPU worked; None where it is not known."""
    cross_check: CrossCheck | None = None
    unquantised: Unquantised | None = None
    targets: list[dict[str, Any]] = field(default_factory=list)
    targets_skipped: str | None = None
    ranks: list[dict[str, Any]] = field(default_factory=list)
    ranks_skipped: str | None = None

    def as_json(self) -> dict[str, Any]:
        """In the form of the report; what was not measured is left out."""
        return _without_nothing(asdict(self))


def _without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value not in (None, {}, [])
    }
