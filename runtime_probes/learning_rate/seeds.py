"""What a seed changes in a trial: the order of the windows, the generators, the adapters."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from ..replay.window import Window


def ordered(windows: Sequence[Window], seed: int) -> list[Window]:
    """The windows in the order of this seed; as recorded for seed 0."""
    order = list(windows)
    if seed:
        random.Random(seed).shuffle(order)
    return order


def reseed(model: torch.nn.Module, seed: int) -> None:
    """Set the generators, and draw fresh adapters anew. Seed 0 leaves the run as it was recorded.

    The entries of each ``lora_A`` are shuffled: they keep their distribution, whatever the run
    drew them from. Adapters that have already learned, or were made from the base's weights, have
    a ``lora_B`` that is not 0 and stay.
    """
    if not seed:
        return
    import numpy

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    for module in model.modules():
        second = getattr(module, "lora_B", None)
        if isinstance(second, torch.nn.ModuleDict):
            for name, layer in module.lora_A.items():
                _shuffle(layer.weight, second[name].weight)


def _shuffle(first: torch.Tensor, second: torch.Tensor) -> None:
    if not first.requires_grad or bool(second.any()):
        return
    with torch.no_grad():
        order = torch.randperm(first.numel(), device=first.device)
        first.copy_(first.flatten()[order].view_as(first))
