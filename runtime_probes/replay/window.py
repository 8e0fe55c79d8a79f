"""What was recorded: one window is the micro-batches of one optimizer step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch


@dataclass(frozen=True, slots=True)
class Window:
    """The inputs of one optimizer step.

    ``inputs`` are the micro-batches as the loss gets them, each cloned; ``items`` is the number of
    items in all of them (``num_items_in_batch``) that losses are averaged over, if the trainer
    counts it.
    """

    inputs: tuple[Any, ...]
    items: Any = None


AnyWindow = TypeVar("AnyWindow", bound=Window)


def divided(
    windows: Sequence[AnyWindow], held_out: int
) -> tuple[Sequence[AnyWindow], Sequence[AnyWindow]]:
    """The windows to train on and the last ones, at most a quarter, to judge by."""
    count = len(windows)
    kept = min(held_out, count // 4)
    return windows[: count - kept], windows[count - kept :]


def cloned(value: Any) -> Any:
    """A deep copy of nested inputs: some losses pop or insert keys, or write into tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if type(value) is dict:
        return {key: cloned(item) for key, item in value.items()}
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(cloned, value))
    if isinstance(value, list | tuple):
        return type(value)(cloned(item) for item in value)
    return value


def _mapping(value: Any) -> Any:
    """A BatchEncoding, or another mapping with methods of its own."""
    copy = value.copy()
    for key in list(copy.keys()):
        copy[key] = cloned(copy[key])
    return copy


def tokens(window: Window) -> int:
    """The tokens that a window feeds to the model, padding included."""
    total = 0
    for inputs in window.inputs:
        ids = inputs.get("input_ids") if hasattr(inputs, "get") else None
        if isinstance(ids, torch.Tensor):
            total += ids.numel()
    return total
