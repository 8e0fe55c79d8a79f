"""Joins the DeepSpeed, accelerate and FSDP configurations that a run names to its recipe."""

from __future__ import annotations

from qlint.readers.companions.joining import join_named, join_started
from qlint.readers.companions.of_reading import with_companions

__all__ = ["join_named", "join_started", "with_companions"]
