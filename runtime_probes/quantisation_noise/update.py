"""How large the adapters' update is beside the weight, and what alpha over r has to do with it."""

from __future__ import annotations

from statistics import mean
from typing import Any

import torch

from .codes import error_from_codes
from .layers import dense, sampled


def update_sizes(model: torch.nn.Module) -> dict[str, Any]:
    """By module type, for the model as it stands: the norm of the update relative to the weight,
    and to the error of quantisation; ``scaling`` is the factor (alpha over r) that is part of it.
    """
    layers = dict(model.named_modules())
    result: dict[str, Any] = {}
    for kind, several in sampled(model).items():
        rows = []
        for path, base in several.items():
            update = _update(layers.get(path.removesuffix(".base_layer")))
            if update is None:
                continue
            scaling, product = update
            size = float(product.norm()) / max(float(dense(base).norm()), 1e-30)
            rows.append((scaling, size, size / max(error_from_codes(base).expected, 1e-30)))
        if rows:
            scalings, to_weight, to_error = zip(*rows, strict=True)
            result[kind] = {
                "scaling": mean(scalings),
                "relative_to_weight": mean(to_weight),
                "relative_to_quantisation_error": mean(to_error),
            }
    return result


def _update(layer: Any) -> tuple[float, torch.Tensor] | None:
    """The scaling and the update of a LoRA layer with one active adapter."""
    active = getattr(layer, "active_adapters", None)
    if not active or len(active) != 1 or active[0] not in getattr(layer, "lora_A", {}):
        return None
    name = active[0]
    scaling = float(layer.scaling[name])
    first, second = layer.lora_A[name].weight.detach(), layer.lora_B[name].weight.detach()
    return scaling, scaling * (second.float() @ first.float())
