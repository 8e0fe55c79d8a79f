"""What an interrupt leaves that comes before there is anything to measure."""

from __future__ import annotations

import os

import torch

from .environment import environment
from .gpu_watch import GpuWatch
from .measurement import Measurement
from .probes import KEYS

_REASON = "interrupted before the script trained"


def interrupted_early(result: Measurement, path: str) -> None:
    """Fill ``result`` for the script ``path``, which had not begun to train."""
    result.name, result.interrupted = os.path.basename(path), True
    result.probes.update((key, {"skipped": _REASON}) for key in KEYS)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    result.environment = environment(device, GpuWatch(None), 0)
