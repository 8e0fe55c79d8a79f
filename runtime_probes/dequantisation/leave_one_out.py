"""The independent check: the same step with dense weights instead of 4-bit ones.

It also answers what a layer would cost unquantised, which turns spare memory into speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from ..capture.patches import Patches
from ..replay.run import Run
from .clock import step_seconds

METHOD = "wall time of the step less that of the step with dense weights, paired"
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class LeftOut:
    """``share`` of the step that is saved; ``noise`` is the spread of the pairs."""

    share: float | None
    noise: float = 0.0
    skipped: str | None = None


def measure(run: Run, steps: int, free_bytes: int | None = None) -> LeftOut:
    """Step pairs, one with 4-bit and one with dense weights, in alternation.

    The dense weights of all layers are held at once: ``free_bytes`` is what they may take.
    """
    import bitsandbytes
    from bitsandbytes import functional

    from .modules import linear4bit_modules

    modules = linear4bit_modules(run.model)
    if not modules:
        return LeftOut(None, skipped="no layer is stored in 4 bits")
    dense: dict[int, torch.Tensor] = {}
    needed = 0
    for module in modules.values():
        shape = module.weight.quant_state.shape
        needed += shape[0] * shape[1] * module.weight.quant_state.dtype.itemsize
    if free_bytes is not None and needed > free_bytes:
        return LeftOut(None, skipped=f"dense weights would take {needed / 1e9:.1f} GB more")
    for module in modules.values():
        weight = module.weight
        dense[id(weight.quant_state)] = functional.dequantize_4bit(weight, weight.quant_state)

    def matmul(a: Any, b: Any, quant_state: Any, out: Any = None, bias: Any = None) -> Any:
        weight = dense.get(id(quant_state))
        if weight is None:
            return original(a, b, quant_state=quant_state, out=out, bias=bias)
        return torch.nn.functional.linear(a, weight.to(a.dtype), bias)

    original = bitsandbytes.matmul_4bit
    device = next(run.model.parameters()).device
    windows = list(run.windows)[:steps]
    state = run.save()
    differences: list[float] = []
    try:
        for number in range(WARM_UP + len(windows)):
            window = windows[number % len(windows)]

            def work(window: Any = window) -> None:
                run.forward_backward(window)
                run.update()

            with_bits = step_seconds(device, work)
            with Patches() as patches:
                patches.set(bitsandbytes, "matmul_4bit", matmul)
                without = step_seconds(device, work)
            if number >= WARM_UP:
                differences.append((with_bits - without) / with_bits)
    finally:
        state.restore()
    ordered = sorted(differences)
    quarter = len(ordered) // 4
    noise = (ordered[-1 - quarter] - ordered[quarter]) / 2
    return LeftOut(median(differences), noise)
