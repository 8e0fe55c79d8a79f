"""The same step with unquantised weights: the independent check of the direct measurement.

It also says what the layers would cost in 16 bits, which turns spare memory into speed.
"""

from __future__ import annotations

import os
from typing import Any

import torch

from ..capture.patches import Patches

_SPARE = 0.8
"""Of the free memory, what dense weights may take: the step needs some, and so do others."""


class DenseWeights:
    """Multiplies by dense weights of as many layers as fit, in the model's order."""

    def __init__(self, modules: dict[str, Any], free_bytes: int) -> None:
        self.paths: list[str] = []
        self.bytes = 0
        self._states: set[int] = set()
        self._weights: dict[int, torch.Tensor] = {}
        for path, module in modules.items():
            state = module.weight.quant_state
            size = state.shape[0] * state.shape[1] * _compute_dtype(module).itemsize
            if self.bytes + size > free_bytes:
                break
            self.paths.append(path)
            self.bytes += size
            self._states.add(id(state))

    def drop(self) -> None:
        """Give the dense weights' memory back."""
        self._weights.clear()

    def install(self, patches: Patches) -> None:
        """The setting: these layers multiply by their dense weights."""
        import bitsandbytes

        original = bitsandbytes.matmul_4bit

        def matmul(a: Any, b: Any, quant_state: Any, out: Any = None, bias: Any = None) -> Any:
            if id(quant_state) not in self._states:
                return original(a, b, quant_state=quant_state, out=out, bias=bias)
            weight = self._weights.get(id(quant_state))
            if weight is None:
                weight = self._weights[id(quant_state)] = _dense(b, quant_state, a.dtype)
            return torch.nn.functional.linear(a, weight, bias)

        patches.set(bitsandbytes, "matmul_4bit", matmul)


def _dense(packed: Any, state: Any, dtype: torch.dtype) -> torch.Tensor:
    from bitsandbytes import functional

    with torch.no_grad():
        # Releases before 0.50 pass the transposed view of the packed weight.
        dense: torch.Tensor = functional.dequantize_4bit(packed.reshape(-1, 1), state)
        return dense.to(dtype)


def _compute_dtype(module: Any) -> torch.dtype:
    dtype: torch.dtype = module.compute_dtype or module.weight.quant_state.dtype
    return dtype


def free_bytes(device: torch.device) -> int:
    """What dense weights may take on ``device``."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_SPARE * (torch.cuda.mem_get_info(device)[0] + cached) / 2)
    return int(_SPARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
