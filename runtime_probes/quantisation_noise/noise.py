"""The relative error that quantisation makes in weights, and in what their layers put out."""

from __future__ import annotations

from statistics import mean
from typing import Any

import torch

from ..replay.run import Run
from .codes import error_from_codes
from .layers import dense, sampled
from .originals import Originals

_ROWS = 512
"""Tokens of a layer's input that its output is compared on."""


def measure_noise(run: Run) -> dict[str, Any]:
    """By module type: ``weights`` is the error against the checkpoint's weights, ``outputs`` that
    of the layers' outputs on a held-out window, both None where no unquantised checkpoint is at
    hand; ``expected`` and ``bound`` are what the codes alone tell.
    """
    layers = sampled(run.model)
    originals = Originals(run.model)
    compared: dict[str, _Compared] = {}
    result: dict[str, Any] = {}
    for kind, several in layers.items():
        codes = [error_from_codes(layer) for layer in several.values()]
        for path, layer in several.items():
            original = originals.weight(path, layer.weight.quant_state.shape)
            if original is not None:
                compared[path] = _Compared(layer, original)
        result[kind] = {
            "expected": mean(one.expected for one in codes),
            "bound": max(one.bound for one in codes),
            "layers": len(codes),
        }
    _watch(run, compared)
    for kind, several in layers.items():
        known = [compared[path] for path in several if path in compared]
        outputs = [one.output for one in known if one.output is not None]
        result[kind]["weights"] = mean(one.weight for one in known) if known else None
        result[kind]["outputs"] = mean(outputs) if outputs else None
    return {"by_module": result}


class _Compared:
    """A layer beside its unquantised weight, which is kept on the processor."""

    def __init__(self, layer: Any, original: torch.Tensor) -> None:
        self.layer = layer
        self.output: float | None = None
        self._original = original
        self.weight = _relative(dense(layer).cpu(), original.float())

    def hook(self, _: Any, arguments: tuple[Any, ...]) -> None:
        """Compare on what the layer is given; a hook before the call, it must return None."""
        if self.output is not None or not arguments:
            return
        rows = arguments[0].detach().flatten(0, -2)[:_ROWS].float()
        expected = rows @ self._original.to(rows.device).float().T
        self.output = _relative(rows @ dense(self.layer).T, expected)


def _watch(run: Run, compared: dict[str, _Compared]) -> None:
    if not compared:
        return
    hooks = [one.layer.register_forward_pre_hook(one.hook) for one in compared.values()]
    try:
        run.evaluate(run.held_out[0])
    finally:
        for hook in hooks:
            hook.remove()


def _relative(value: torch.Tensor, expected: torch.Tensor) -> float:
    size = float(expected.norm())
    return float((value - expected).norm()) / size if size else 0.0
