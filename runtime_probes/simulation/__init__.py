"""A training step at full size under fake tensors: the memory of a run without the memory.

Real transformers, PEFT, bitsandbytes and accelerate code runs over tensors that have shapes and
dtypes but no storage. Every allocation is traced, five layers are run and repeated to the model's
number, and the trace is replayed through a model of PyTorch's caching allocator. It needs the
``probe`` extra; :mod:`qlint.memory` is the closed form of the same thing.
"""

from __future__ import annotations

from .simulated import Simulated, simulate

__all__ = ["Simulated", "simulate"]
