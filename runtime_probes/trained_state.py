"""What training keeps beside the base: adapters, their gradients, the optimizer's state, counted.

Bytes and bits of tensors that exist, so that there is no noise in them, on any device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .replay.run import Run, Watched

METHOD = "tensors counted after one optimizer step"
_BLOCKWISE_FROM = 4096
"""bitsandbytes keeps the state of tensors with fewer elements in 32 bits (``min_8bit_size``)."""


def measure(run: Run) -> dict[str, Any]:
    """Take one step and count. ``eight_bit_saves_bytes`` is what 8-bit state would save."""
    run.forward_backward(run.windows[0])
    gradients = gradient_bytes(run.model)
    run.update()
    return counted(run, gradients)


def gradient_bytes(model: torch.nn.Module) -> int:
    """Of the gradients that there are."""
    return sum(_bytes(one.grad) for one in _trained(model) if one.grad is not None)


def counted(run: Watched, gradients: int) -> dict[str, Any]:
    """What there is after a step; ``gradients`` are the bytes that there were before it."""
    trained = _trained(run.model)
    entries = run.optimizer.state
    states = [entries.get(parameter, {}) for parameter in trained]
    return {
        "parameters": sum(parameter.numel() for parameter in trained),
        "parameter_bytes": sum(_bytes(parameter) for parameter in trained),
        "gradient_bytes": gradients,
        "optimizer_bytes": sum(_bytes(value) for state in states for value in _tensors(state)),
        "optimizer": _name(run.optimizer),
        "eight_bit_saves_bytes": sum(
            _saved(parameter, state) for parameter, state in zip(trained, states, strict=True)
        ),
        "paged": any(
            getattr(value, "is_paged", False) for state in states for value in _tensors(state)
        ),
        "method": METHOD,
        "noise": 0.0,
        "skipped": None,
    }


def _trained(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _saved(parameter: torch.Tensor, state: Mapping[str, Any]) -> int:
    """All bytes but one of each number of the moments, which are in 32 or 16 bits."""
    if parameter.numel() < _BLOCKWISE_FROM:
        return 0
    return sum(
        _bytes(value) - value.numel()
        for value in _tensors(state)
        if value.is_floating_point() and value.numel() == parameter.numel()
    )


def _tensors(state: Mapping[str, Any]) -> list[torch.Tensor]:
    return [value for value in state.values() if isinstance(value, torch.Tensor)]


def _bytes(tensor: torch.Tensor) -> int:
    return int(tensor.numel() * tensor.element_size())


def _name(optimizer: Any) -> str:
    """The class inside accelerate's wrapper."""
    inner = getattr(optimizer, "optimizer", optimizer)
    return f"{type(inner).__module__.partition('.')[0]}.{type(inner).__qualname__}"
