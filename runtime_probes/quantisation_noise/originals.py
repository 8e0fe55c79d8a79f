"""The unquantised weights, where a checkpoint that has them is on this machine."""

from __future__ import annotations

import json
import os
from typing import Any

import torch

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class Originals:
    """Reads single tensors of the checkpoint that a model was loaded from. Nothing is fetched."""

    def __init__(self, model: Any) -> None:
        name = getattr(getattr(model, "config", None), "_name_or_path", "") or ""
        self._files: dict[str, str] = {}
        """The path of the file that holds a tensor, by its name."""
        index, single = _local(name, _INDEX), _local(name, _SINGLE)
        if index is not None:
            self._read_index(name, index)
        elif single is not None:
            from safetensors import safe_open

            with safe_open(single, framework="pt") as opened:
                self._files = dict.fromkeys(opened.keys(), single)

    def weight(self, path: str, shape: torch.Size) -> torch.Tensor | None:
        """The weight of the module at ``path``, on the processor; None where the checkpoint has
        none of this name and shape, or has it quantised."""
        name = path.removesuffix(".base_layer").replace("base_model.model.", "", 1) + ".weight"
        file = self._files.get(name)
        if file is None:
            return None
        from safetensors import safe_open

        with safe_open(file, framework="pt") as opened:
            tensor: torch.Tensor = opened.get_tensor(name)
        return tensor if tensor.shape == shape and tensor.dtype in _DTYPES else None

    def _read_index(self, name: str, index: str) -> None:
        with open(index, encoding="utf-8") as opened:
            parts = json.load(opened).get("weight_map", {})
        for tensor, part in parts.items():
            file = _local(name, part)
            if file is not None:
                self._files[tensor] = file


def _local(name: str, file: str) -> str | None:
    """A file of a checkpoint: in a folder, or in the cache of the hub."""
    if os.path.isdir(name):
        path = os.path.join(name, file)
        return path if os.path.isfile(path) else None
    if not name:
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(name, file)
    except ValueError:  # Neither a folder nor a name on the hub.
        return None
    return cached if isinstance(cached, str) else None
