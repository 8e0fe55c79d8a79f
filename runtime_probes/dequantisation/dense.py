"""The same step with unquantised weights: the independent check of the direct measurement.

It also says what the layers would cost in 16 bits, which turns spare memory into speed.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import torch

from ..capture.patches import Patches
from .clock import Step

_SPARE = 0.8
"""Of the memory that a step leaves, what dense weights may take: others need some as well."""


class DenseWeights:
    """Multiplies by dense weights of as many layers as fit, in the model's order."""

    def __init__(self, modules: dict[str, Any], free_bytes: int) -> None:
        self._modules = modules
        self._weights: dict[int, torch.Tensor] = {}
        self._choose(free_bytes)

    def _choose(self, free_bytes: int) -> None:
        self.paths: list[str] = []
        self.bytes = 0
        self._states: set[int] = set()
        for path, module in self._modules.items():
            state = module.weight.quant_state
            size = state.shape[0] * state.shape[1] * _compute_dtype(module).itemsize
            if self.bytes + size > free_bytes:
                break
            self.paths.append(path)
            self.bytes += size
            self._states.add(id(state))

    def halve(self) -> None:
        """Take half as many, where so many did not fit."""
        self.drop()
        self._choose(self.bytes // 2)

    @property
    def dtype(self) -> str:
        """The dtype of most of them, as a recipe names it."""
        dtypes = Counter(_compute_dtype(self._modules[path]) for path in self.paths)
        return str(dtypes.most_common(1)[0][0]).removeprefix("torch.")

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


def free_bytes(device: torch.device, step: Step) -> int:
    """What dense weights may take on ``device`` beside what ``step`` took."""
    if device.type == "cuda":
        ours = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        return max(0, int(_SPARE * (ours - (step.peak_bytes or 0))))
    return int(_SPARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
