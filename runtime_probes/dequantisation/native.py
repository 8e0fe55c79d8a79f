"""bitsandbytes' native functions that dequantise, wrapped where Python calls them.

Wrapping them sees every call, in the forward, the backward and the recomputation of checkpoints,
for some half a microsecond each; a dispatch mode costs half of a small step and misses the forward
(measured on bitsandbytes 0.50.2).
"""

from __future__ import annotations

from _ctypes import CFuncPtr
from collections.abc import Callable
from itertools import product
from typing import Any

from ..capture.patches import Patches

_DTYPES = ("fp32", "fp16", "bf16")
_TYPES = ("nf4", "fp4")

ABSMAX = tuple(
    f"cdequantize_blockwise_{place}{dtype}" for place, dtype in product(("", "cpu_"), _DTYPES)
)
"""Dequantise the scales of double quantisation (and 8-bit optimizer state)."""
WEIGHTS = (
    *(f"cdequantize_blockwise_{dtype}_{kind}" for dtype, kind in product(_DTYPES, _TYPES)),
    *(f"cdequantize_blockwise_cpu_{kind}_{dtype}" for dtype, kind in product(_DTYPES, _TYPES)),
)
"""Dequantise weights."""
DENSE_ELEMENT_BYTES = {
    f"cdequantize_blockwise_{dtype}_{kind}": 4 if dtype == "fp32" else 2
    for dtype, kind in product(_DTYPES, _TYPES)
}
"""What an element of the dense weight takes that CUDA's functions write."""
FUSED = (
    *(f"cgemm_4bit_{dtype}" for dtype in _DTYPES),
    *(f"cgemm_4bit_inference_naive_{dtype}" for dtype in _DTYPES),
    *(f"gemv_4bit_inference_cpu_{kind}_bf16" for kind in _TYPES),
)
"""Multiply by 4-bit weights without dense ones: how much of it dequantises cannot be told."""


def wrap_all(patches: Patches, around: Callable[[str, Any], Any]) -> int:
    """Replace each of the functions that this build has by ``around(name, function)``.

    Returns how many there are.
    """
    from bitsandbytes.cextension import lib

    wrapped = 0
    for name in (*ABSMAX, *WEIGHTS, *FUSED):
        try:
            function = getattr(lib, name)
        except (AttributeError, RuntimeError, NotImplementedError):
            continue  # Another device's, or another release's.
        if not isinstance(function, CFuncPtr):
            continue  # What bitsandbytes puts in the place of such ones: it says so when called.
        patches.set(lib, name, around(name, function))
        wrapped += 1
    return wrapped
