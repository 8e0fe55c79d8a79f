"""Which 4-bit layers are looked at, and their weights."""

from __future__ import annotations

from typing import Any

import torch

from ..dequantisation.modules import linear4bit_modules, module_type

_PER_TYPE = 3


def sampled(model: torch.nn.Module) -> dict[str, dict[str, Any]]:
    """By module type the first, the middle and the last layer, by path.

    Weights that bitsandbytes has packed for inference on a processor are left out.
    """
    types: dict[str, dict[str, Any]] = {}
    for path, layer in linear4bit_modules(model).items():
        state = getattr(layer.weight, "quant_state", None)
        if state is not None and not getattr(state, "packing_format_for_cpu", False):
            types.setdefault(module_type(path), {})[path] = layer
    return {kind: _spread(layers) for kind, layers in types.items()}


def dense(layer: Any) -> torch.Tensor:
    """The weight that the layer multiplies by, in float32."""
    from bitsandbytes.functional import dequantize_4bit

    weight: torch.Tensor = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight.float()


def _spread(layers: dict[str, Any]) -> dict[str, Any]:
    paths = list(layers)
    last = len(paths) - 1
    chosen = {last * number // (_PER_TYPE - 1) for number in range(_PER_TYPE)}
    return {paths[number]: layers[paths[number]] for number in sorted(chosen)}
