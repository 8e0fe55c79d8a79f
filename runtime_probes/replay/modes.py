"""Training and evaluation mode, each module's own put back afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Without dropout and gradients."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with without_gradients(model):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def without_gradients(model: torch.nn.Module) -> Iterator[None]:
    """As it is, without gradients.

    bitsandbytes packs a 4-bit weight for inference, for good, when its layer is called on a CPU
    with AVX512-BF16 in evaluation mode without gradients. No gradient passes it from then on, so
    these layers, for which the mode means nothing else, are never called in it.
    """
    resting = [layer for layer in _linear4bit(model) if not layer.training]
    for layer in resting:
        layer.training = True
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in resting:
            layer.training = False


def _linear4bit(model: torch.nn.Module) -> list[Any]:
    try:
        from bitsandbytes.nn import Linear4bit
    except ImportError:
        return []
    return [module for module in model.modules() if isinstance(module, Linear4bit)]
