"""Buffers of bitsandbytes' paged optimizers, which are asked for once and used again.

They are managed memory, which bitsandbytes never frees (``functional.get_paged``): an optimizer
whose state is dropped between trials would take as much again at each of them, and a program that
asks for more managed memory than the card has free can hang the card.
"""

from __future__ import annotations

from typing import Any

import torch

from ..capture.patches import Patches

_PAGED_FROM = 100_000
"""Elements of a parameter whose state bitsandbytes pages (``optimizer.get_state_buffer``)."""


class TooLargeToPage(Exception):
    """The state of a paged optimizer is larger than what the card has free; a sentence."""


def keep_pages(patches: Patches, optimizer: Any) -> None:
    """Until ``patches`` are undone, a paged optimizer gets the buffers that it had before.

    ``optimizer`` may be accelerate's wrapper. Where it is none of bitsandbytes' paged ones, nothing
    happens.
    """
    inner = getattr(optimizer, "optimizer", optimizer)
    if getattr(inner, "is_paged", False) and hasattr(inner, "get_state_buffer"):
        pages = _Pages(inner)
        patches.set(inner, "get_state_buffer", pages.buffer)


class _Pages:
    """Hands buffers out, and takes note of them."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._new = optimizer.get_state_buffer
        self._kept: dict[Any, list[torch.Tensor]] = {}

    def buffer(self, parameter: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Zeros of the parameter's shape: one that was dropped, or a new one.

        Raises TooLargeToPage where the card has no room for a new one.
        """
        used = [id(value) for value in self._optimizer.state[parameter].values()]
        kept = self._kept.setdefault(parameter, [])
        for buffer in kept:
            if id(buffer) not in used and buffer.dtype == dtype:
                return buffer.zero_()
        _check_room(parameter, dtype)
        made: torch.Tensor = self._new(parameter, dtype)
        kept.append(made)
        return made


def _check_room(parameter: torch.Tensor, dtype: torch.dtype) -> None:
    if parameter.device.type != "cuda" or parameter.numel() < _PAGED_FROM:
        return
    wanted = parameter.numel() * dtype.itemsize
    free, _ = torch.cuda.mem_get_info(parameter.device)
    if wanted > free:
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(parameter.device)
    if wanted > free:
        raise TooLargeToPage(
            f"the optimizer pages {wanted / 2**20:.0f} MiB more and {free / 2**20:.0f} MiB of the "
            "card are free: more managed memory than that may hang it, so this is not measured"
        )
