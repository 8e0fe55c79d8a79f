"""Ways of running a model in which Python does not see its dequantisation."""

from __future__ import annotations

from typing import Any

import torch

_FOREIGN = {
    "gptqmodel": "GPTQ",
    "auto_gptq": "GPTQ",
    "awq": "AWQ",
    "hqq": "HQQ",
    "torchao": "torchao",
    "aqlm": "AQLM",
    "quanto": "quanto",
}


def reason(model: torch.nn.Module, four_bit: dict[str, Any]) -> str | None:
    """Why the dequantisation of this model cannot be measured, in words; None where it can."""
    device = next(model.parameters()).device.type
    if device not in ("cpu", "cuda"):
        return f"the native functions of device {device} are not known"
    for module in model.modules():
        compiled = getattr(module, "_compiled_call_impl", None) is not None
        if compiled or type(module).__name__ == "OptimizedModule":
            return "the model is compiled (torch.compile): Python does not see its calls"
    if four_bit:
        return None
    foreign = _foreign(model)
    if foreign is not None:
        return f"the weights are quantised by {foreign}, whose kernels are not measured"
    return "no layer of the model is stored in 4 bits by bitsandbytes"


def _foreign(model: torch.nn.Module) -> str | None:
    for module in model.modules():
        weight = getattr(module, "weight", None)
        for kind in (type(module), type(weight)):
            name = _FOREIGN.get(kind.__module__.partition(".")[0])
            if name is not None:
                return name
    return None
