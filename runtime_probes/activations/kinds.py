"""What an activation is kept for, told from the module that made it."""

from __future__ import annotations

import re
from typing import Any

import torch

_NUMBER = re.compile(r"\.\d+(?=\.|$)")
_ACTIVATIONS = ("activations", "recomputed activations")
SAVED_INPUTS, ATTENTION, LOGITS, ADAPTERS = (
    "saved inputs",
    "attention",
    "logits and loss",
    "adapters",
)


def module_kind(path: str) -> str:
    """A module's path without the numbers of layers, as the tracker has it."""
    return _NUMBER.sub(".*", path)


def readable(kind: str) -> str:
    """A module's path as a report shows it: without the wrappers of PEFT."""
    return kind.replace("base_model.model.", "").removesuffix(".base_layer") or "outside of modules"


class Kinds:
    """Knows the kinds of one model's modules."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._kinds: dict[str, str] = {"": LOGITS}
        head = _head_path(model)
        for path, module in model.named_modules():
            self._kinds[module_kind(path)] = _kind(path, module, head)

    def kind(self, component: str, module: str) -> str:
        """The kind of an allocation of ``component`` in ``module``."""
        return self._kinds.get(module, SAVED_INPUTS) if component in _ACTIVATIONS else component


def _kind(path: str, module: Any, head: str | None) -> str:
    if "lora_" in path or hasattr(module, "lora_A"):
        return ADAPTERS
    if head is not None and (path == head or head.startswith(f"{path}.") or not path):
        return LOGITS  # The loss is computed in the modules that hold the head.
    return ATTENTION if "Attention" in type(module).__name__ else SAVED_INPUTS


def _head_path(model: Any) -> str | None:
    find = getattr(model, "get_output_embeddings", None)
    head = find() if find is not None else None
    return next((path for path, module in model.named_modules() if module is head), None)
