"""Ways of running a model in which Python does not see its dequantisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ..capture.patches import Patches

_FOREIGN = {
    "gptqmodel": "GPTQ",
    "auto_gptq": "GPTQ",
    "awq": "AWQ",
    "hqq": "HQQ",
    "torchao": "torchao",
    "aqlm": "AQLM",
    "quanto": "quanto",
    "unsloth": "Unsloth",
}
_COMPILED, _GRAPHED = "compiled (torch.compile)", "captured in a CUDA graph"
_MOST_WRAPPERS = 20


def reason(model: torch.nn.Module, four_bit: dict[str, Any]) -> str | None:
    """Why the dequantisation of this model cannot be measured, in words; None where it can."""
    device = next(model.parameters()).device.type
    if device not in ("cpu", "cuda"):
        return f"the native functions of device {device} are not known"
    for path, module in model.named_modules():
        how = _hidden(module)
        if how is not None and _holds(module, four_bit):
            what = path or "the model"
            return f"{what} is {how}: Python does not see its calls"
    if four_bit:
        return None
    foreign = _foreign(model)
    if foreign is not None:
        return f"the weights are quantised by {foreign}, whose kernels are not measured"
    return "no layer of the model is stored in 4 bits by bitsandbytes"


class GraphReplays:
    """Counts how often captured CUDA graphs run."""

    def __init__(self, patches: Patches) -> None:
        self.count = 0
        patches.wrap(torch.cuda.CUDAGraph, "replay", self._counted)

    def _counted(self, original: Any) -> Any:
        def replay(graph: Any) -> Any:
            self.count += 1
            return original(graph)

        return replay


def _hidden(module: torch.nn.Module) -> str | None:
    """How the calls within ``module`` escape Python, if they do."""
    compiled = getattr(module, "_compiled_call_impl", None) is not None
    if compiled or type(module).__name__ == "OptimizedModule":
        return _COMPILED
    for function in _unwrapped(module.forward):
        if hasattr(function, "_torchdynamo_orig_callable"):
            return _COMPILED
        if getattr(function, "__module__", None) == "torch.cuda.graphs":
            return _GRAPHED
    return None


def _unwrapped(function: Any) -> Iterator[Any]:
    """A function and those that it wraps, as ``functools.wraps`` leaves them."""
    for _ in range(_MOST_WRAPPERS):
        if function is None:
            return
        yield function
        function = getattr(function, "__func__", None) or getattr(function, "__wrapped__", None)


def _holds(module: torch.nn.Module, four_bit: dict[str, Any]) -> bool:
    """Whether 4-bit layers are in ``module``; where the model has none, whatever it holds."""
    inner = {id(one) for one in module.modules()}
    return not four_bit or any(id(one) in inner for one in four_bit.values())


def _foreign(model: torch.nn.Module) -> str | None:
    for module in model.modules():
        weight = getattr(module, "weight", None)
        for kind in (type(module), type(weight)):
            name = _FOREIGN.get(kind.__module__.partition(".")[0])
            if name is not None:
                return name
    return None
