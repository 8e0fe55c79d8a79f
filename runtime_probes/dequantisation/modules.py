"""The 4-bit layers of a model, and which of them is at work."""

from __future__ import annotations

import re
from typing import Any

import torch

from ..capture.patches import Patches

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")
_WRAPPERS = ("base_model.model.", "_orig_mod.", "module.")


def linear4bit_modules(model: torch.nn.Module) -> dict[str, Any]:
    """bitsandbytes' 4-bit linear layers by their path."""
    from bitsandbytes.nn import Linear4bit

    return {
        name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)
    }


def module_type(path: str) -> str:
    """The path without wrappers and layer numbers: ``model.layers.*.self_attn.q_proj``."""
    for wrapper in _WRAPPERS:
        path = path.replace(wrapper, "")
    return _NUMBER.sub("*", path).removesuffix(".base_layer")


class ModuleMarks:
    """Knows the 4-bit layer that runs: in the forward by its call, in the backward by its weight.

    Hooks return None, or they would replace what the module returns.
    """

    def __init__(self, patches: Patches, modules: dict[str, Any]) -> None:
        self.current = "other"
        from bitsandbytes.autograd import _functions

        self._by_weight = {
            module.weight.data_ptr(): module_type(name) for name, module in modules.items()
        }
        patches.wrap(_functions.MatMul4Bit, "forward", self._forward)
        patches.wrap(_functions.MatMul4Bit, "backward", self._backward)

    def _forward(self, original: Any) -> Any:
        def forward(ctx: Any, a: Any, b: Any, *rest: Any) -> Any:
            self.current = self._by_weight.get(b.data_ptr(), "other")
            return original(ctx, a, b, *rest)

        return staticmethod(forward)

    def _backward(self, original: Any) -> Any:
        def backward(ctx: Any, *gradients: Any) -> Any:
            tensors = getattr(ctx, "tensors", None)
            weight = tensors[1] if tensors else None
            if weight is not None:
                self.current = self._by_weight.get(weight.data_ptr(), "other")
            return original(ctx, *gradients)

        return staticmethod(backward)
