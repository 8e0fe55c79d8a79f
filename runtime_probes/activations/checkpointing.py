"""Switches the activation checkpointing of transformers' models on and off."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch

from ..capture.patches import Patches

_SWITCH, _FUNCTION = "gradient_checkpointing", "_gradient_checkpointing_func"


def _switches(model: torch.nn.Module) -> Iterator[Any]:
    """Modules with the switch, which PEFT's wrappers only pass on."""
    for module in model.modules():
        if _SWITCH in vars(module) or hasattr(type(module), _SWITCH):
            yield module


def is_on(model: torch.nn.Module) -> bool | None:
    """Whether the model checkpoints; None where it has no such switch."""
    states = [bool(getattr(module, _SWITCH)) for module in _switches(model)]
    return any(states) if states else None


def use_reentrant(model: torch.nn.Module) -> bool:
    """As the model has it; False where it does not checkpoint."""
    for module in _switches(model):
        function = vars(module).get(_FUNCTION)
        if isinstance(function, functools.partial):
            return bool(function.keywords.get("use_reentrant", False))
    return False


def switch(patches: Patches, model: torch.nn.Module, on: bool) -> None:
    """Switch it ``on`` or off until the patches are undone.

    The kind that is switched on is the one without reentrance, which needs nothing else of the
    model. A model whose checkpointing was switched off may still hold the other kind, through
    which no gradient would pass.
    """
    checkpoint = functools.partial(torch.utils.checkpoint.checkpoint, use_reentrant=False)
    for module in list(_switches(model)):
        if on:
            patches.set(module, _FUNCTION, checkpoint)
        patches.set(module, _SWITCH, on)
