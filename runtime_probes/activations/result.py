"""What the probe of activation memory reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mode:
    """The peak with checkpointing on or off; or why there is none."""

    peak_bytes: int | None = None
    saved_bytes: int | None = None
    at: dict[str, Any] = field(default_factory=dict)
    by_module: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    as_in_the_run: bool = False
    use_reentrant: bool | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes; or only ``skipped``, the reason why there are none.

    ``peak_bytes`` holds everything, ``resident_bytes`` what is there before the step. ``noise`` is
    the difference of two equal steps, as a fraction of the peak.
    """

    skipped: str | None = None
    peak_bytes: int | None = None
    resident_bytes: int | None = None
    saved_bytes: int | None = None
    reserved_bytes: int | None = None
    """What CUDA's allocator took from the device."""
    by_device: dict[str, int] = field(default_factory=dict)
    """The peak on each card of several; every other figure is of the first."""
    paged_bytes: int | None = None
    """Optimizer state in managed memory, which no other figure counts."""
    at: dict[str, Any] = field(default_factory=dict)
    by_module: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    checkpointing: dict[str, Mode] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    generation: dict[str, Any] = field(default_factory=dict)
    scaling: dict[str, Any] = field(default_factory=dict)
    largest: dict[str, Any] = field(default_factory=dict)
    """The largest length and batch that fit the card, found by running them."""
    smaller_cards: list[dict[str, Any]] = field(default_factory=list)
    """Whether the run's own batch fits them, as a limit on what this process may take."""
    smaller_cards_skipped: str | None = None
    method: str | None = None
    noise: float | None = None
    cross_check: dict[str, Any] = field(default_factory=dict)
    prediction: dict[str, Any] = field(default_factory=dict)
    """What the model of ``qlint plan`` says of this batch."""

    def as_json(self) -> dict[str, Any]:
        """In the form of the report; what was not measured is left out."""
        return _without_nothing(asdict(self))


def _without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value not in (None, {}, [])
    }
