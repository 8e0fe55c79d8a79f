"""The 4-bit layers of a model, which of them is at work, and how often each phase calls them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from ..capture.patches import Patches
from .phases import Phase, phase

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

    ``due`` counts how often each phase calls such layers, each of which dequantises once: what the
    native functions are checked against.
    """

    def __init__(self, patches: Patches, modules: dict[str, Any]) -> None:
        self.current = ""
        """The path of the layer that was entered last."""
        self.due: Counter[Phase] = Counter()
        self.entered: set[str] = set()
        """The paths of layers whose forward ran in Python."""
        self._by_state = {id(module.weight.quant_state): name for name, module in modules.items()}
        from bitsandbytes.autograd import _functions

        for name, module in modules.items():
            patches.later(module.register_forward_pre_hook(self._entering(name)).remove)
        patches.wrap(_functions.MatMul4Bit, "backward", self._backward)

    def _entering(self, name: str) -> Callable[..., None]:
        def entering(_module: Any, _arguments: Any) -> None:  # A value would replace the inputs.
            self.current = name
            self.entered.add(name)
            self.due[phase()] += 1

        return entering

    def _backward(self, original: Any) -> Any:
        def backward(ctx: Any, *gradients: Any) -> Any:
            self.current = self._by_state.get(id(getattr(ctx, "state", None)), "")
            self.due["backward"] += bool(ctx.needs_input_grad[0])
            return original(ctx, *gradients)

        return staticmethod(backward)
