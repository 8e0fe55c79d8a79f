"""What a simulation found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Device: TypeAlias = Literal["cuda", "cpu"]
"""Whose memory is counted: a card's, with its allocator, or the CPU's, byte by byte."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a step was found to take. All sizes are in bytes."""

    peak_allocated_bytes: int
    """What ``torch.cuda.max_memory_allocated`` would say from the second step on."""
    peak_reserved_bytes: int
    at: str
    """Where in the step the peak stands, for example ``"backward of layer 31"``."""
    components: Mapping[str, int]
    """What the peak is made of; the parts add up to it."""
    modules: Mapping[tuple[str, str], int]
    """The same by component and kind of module, without what the allocator adds."""
    resident_bytes: int
    """What is there when the step begins: weights, adapters, optimizer state, kept gradients."""
    paged_bytes: int
    """Optimizer state in managed memory, which the peak does not count."""
    layers: int
    layers_run: int
    """Fewer than ``layers`` where the rest follows from them exactly."""
    seconds: float
