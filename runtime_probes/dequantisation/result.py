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
    dtype: str | None = None
    """Theirs: that of the layers' products."""
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """Multiplications that dequantise within: their calls by phase, and their share of a step."""

    calls: dict[str, int]
    share: float


@dataclass(frozen=True, slots=True)
class Bought:
    """What changes to the run cost or buy, each with the reason where it was not measured."""

    targets: list[dict[str, Any]] = field(default_factory=list)
    targets_skipped: str | None = None
    ranks: list[dict[str, Any]] = field(default_factory=list)
    ranks_skipped: str | None = None
    micro_batches: list[dict[str, Any]] = field(default_factory=list)
    micro_batches_skipped: str | None = None
    packing: dict[str, Any] = field(default_factory=dict)
    packing_skipped: str | None = None
    throughput_method: str | None = None


@dataclass(frozen=True, slots=True)
class Dequantisation:
    """Fractions of a step's time; or the reason in ``skipped`` why there are none.

    ``step_seconds`` is wall time. ``noise`` is half the spread of the middle half of pairs of equal
    steps (A/A), ``overhead`` what measuring added to the steps that were measured.
    """

    skipped: str | None = None
    share: dict[str, float] = field(default_factory=dict)
    share_noise: dict[str, float] = field(default_factory=dict)
    step_seconds: float | None = None
    steps: int | None = None
    method: str | None = None
    noise: float | None = None
    overhead: float | None = None
    overhead_noise: float | None = None
    calls: dict[str, int] = field(default_factory=dict)
    fused: Fused | None = None
    by_module: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    """They sum to one."""
    parts_noise: dict[str, float] = field(default_factory=dict)
    parts_skipped: dict[str, str] = field(default_factory=dict)
    parts_method: str | None = None
    busy: float | None = None
    """The fraction of a step in which the GPU worked; None where it is not known."""
    cross_check: CrossCheck | None = None
    leave_one_out: CrossCheck | None = None
    """The step without the dequantisation, of wall time on CUDA: a figure of its own there."""
    unquantised: Unquantised | None = None
    bought: Bought | None = None

    def as_json(self) -> dict[str, Any]:
        """In the form of the report; what was not measured is left out."""
        values = asdict(self)
        bought = values.pop("bought") or {}
        return _without_nothing({**values, **bought})


def _without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value not in (None, {}, [])
    }
