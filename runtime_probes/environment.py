"""Where a measurement was made: versions, device, and what speaks against its figures."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

import torch

from .gpu_watch import GpuWatch

_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "trl")


def environment(device: torch.device, watch: GpuWatch, warm_up_steps: int) -> dict[str, Any]:
    """The value of ``environment`` in a report; bytes and MHz."""
    return {
        "python": platform.python_version(),
        "versions": versions(),
        "device": device.type,
        "gpu": _gpu(device),
        "watched": watch.as_json(),
        "processors": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "warm_up_steps": warm_up_steps,
    }


def devices_of(model: torch.nn.Module) -> list[str]:
    """Where the model lies: more than one device under ``device_map="auto"``."""
    return sorted({str(parameter.device) for parameter in model.parameters()})


def versions() -> dict[str, str]:
    """The versions of the libraries that decide what a step does."""
    found = {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in found.items() if version is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def gpu_index(device: torch.device) -> int | None:
    """The number of the card that ``device`` is, or None where it is none."""
    if device.type != "cuda":
        return None
    return torch.cuda.current_device() if device.index is None else int(device.index)


def _gpu(device: torch.device) -> dict[str, Any] | None:
    index = gpu_index(device)
    if index is None:
        return None
    card = torch.cuda.get_device_properties(index)
    return {
        "name": card.name,
        "total_bytes": card.total_memory,
        "capability": f"{card.major}.{card.minor}",
        "cuda": torch.version.cuda,
        "cards": torch.cuda.device_count(),
    }
