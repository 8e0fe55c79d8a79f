"""What came out of measuring one run, complete or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Measurement:
    """Results by probe, each a JSON value with ``skipped``; filled while the probes run."""

    name: str = ""
    """What was measured, in words: "SFTTrainer"."""
    line: int | None = None
    """The line of the script that started the training."""
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    """Windows that there were to train on."""
    learning_rate: float | None = None
    """The run's own, before any schedule."""
    interrupted: bool = False
