"""Running out of memory is a result, if all that the attempt held is given back."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

import torch

from .replay.device import give_back

Result = TypeVar("Result")
HELD = "A trial ran out of memory"
"""How the sentence of MemoryHeld begins."""
_WORDS = ("out of memory", "can't allocate memory", "_status_alloc_failed")
"""What torch, its allocator for processors, and NVIDIA's libraries say of it."""
_SLACK = 16 * 2**20
"""Bytes that an attempt may leave behind: caches of libraries that are filled once."""


class MemoryHeld(Exception):
    """An attempt ran out of memory and what it held could not be freed; its text is a sentence."""


def attempt(action: Callable[[], Result], clean: Callable[[], None]) -> Result | None:
    """The result of ``action``, or None where it ran out of memory and all was given back.

    ``clean`` drops what the action left in the run, its gradients above all. Raises MemoryHeld
    where more stays allocated than before.
    """
    before = _allocated()
    try:
        return action()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
    clean()
    give_back()
    left = _allocated() - before
    if left > _SLACK:
        raise MemoryHeld(f"{HELD}, and {left / 2**20:.0f} MiB of it could not be freed.")
    return None


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether it says so: libraries, and kernels that are loaded late, have no class for it."""
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in text for words in _WORDS)


def _allocated() -> int:
    if not torch.cuda.is_available():
        return 0
    return sum(torch.cuda.memory_allocated(device) for device in range(torch.cuda.device_count()))
