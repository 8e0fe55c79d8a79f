"""Real bitsandbytes modules over fake weights: everything but the numbers.

``Params4bit`` and ``Int8Params`` cannot wrap a fake tensor (``_make_subclass`` loses the fake
mode), so that a weight here is a plain parameter of the packed shape that carries the same
attributes, and the same class name, which PEFT goes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bitsandbytes
import torch
from bitsandbytes.functional import QuantState
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from qlint.memory.job import Job

BLOCK = 64
"""Weights that share a scale: the default of ``bitsandbytes.functional.quantize_4bit``."""
NESTED_BLOCK = 256
"""Scales that share a second scale under double quantisation."""


class FakeMode(FakeTensorMode):
    """The mode of all tensors of a simulation; copies of them stay in it."""

    def __deepcopy__(self, memo: Any) -> FakeMode:
        return self


class _Packed(FakeTensor):
    def __deepcopy__(self, memo: Any) -> Any:
        # PEFT copies a base layer to take the norm of its weight for DoRA, and drops the copy.
        return self


class Params4bit(_Packed):
    """A fake packed weight under the name that PEFT looks for."""


class Int8Params(_Packed):
    """A fake 8-bit weight under the name that PEFT looks for."""


def fake_quantise(model: Any, job: Job, kept: set[str]) -> None:
    """Replace the linear modules of ``model`` as bitsandbytes' integration does, but for ``kept``.

    Call it under the fake mode that ``model`` was built in.
    """
    for path, module in list(model.named_modules()):
        if type(module) is not torch.nn.Linear or is_kept(path, kept):
            continue
        bias = module.bias
        quantised = _four_bit(module, job) if job.load_in_4bit else _eight_bit(module)
        if bias is not None:
            quantised.bias = torch.nn.Parameter(bias.data, requires_grad=False)
        model.set_submodule(path, quantised)


def is_kept(path: str, kept: set[str]) -> bool:
    """Whether a module is one that stays unquantised; ``kept`` are paths or their ends."""
    return any(path == name or path.endswith("." + name) for name in kept)


def _four_bit(module: Any, job: Job) -> Any:
    weights = module.in_features * module.out_features
    blocks = -(-weights // BLOCK)
    nested = None
    offset = None
    absmax = torch.empty(blocks, dtype=torch.uint8 if job.double_quant else torch.float32)
    if job.double_quant:
        offset = torch.empty(())
        nested = QuantState(
            absmax=torch.empty(-(-blocks // NESTED_BLOCK)),
            code=torch.empty(256),
            blocksize=NESTED_BLOCK,
            dtype=torch.float32,
        )
    state = QuantState(
        absmax=absmax,
        shape=torch.Size((module.out_features, module.in_features)),
        dtype=getattr(torch, job.base_dtype),
        blocksize=BLOCK,
        code=torch.empty(16),
        quant_type=job.quant_type,
        offset=offset,
        state2=nested,
    )
    quantised = _on_meta(
        lambda: bitsandbytes.nn.Linear4bit(
            module.in_features,
            module.out_features,
            bias=False,
            compute_dtype=getattr(torch, job.compute_dtype),
            compress_statistics=job.double_quant,
            quant_type=job.quant_type,
            device="meta",
        )
    )
    packed = torch.empty((-(-weights // 2), 1), dtype=torch.uint8)
    weight = torch.nn.Parameter(packed, requires_grad=False)
    weight.__class__ = Params4bit
    weight.quant_state = state
    weight.compress_statistics = job.double_quant
    weight.quant_type = job.quant_type
    weight.blocksize = BLOCK
    weight.quant_storage = torch.uint8
    weight.bnb_quantized = True
    weight.module = None
    quantised._parameters["weight"] = weight
    quantised.quant_state = state
    return quantised


def _eight_bit(module: Any) -> Any:
    quantised = _on_meta(
        lambda: bitsandbytes.nn.Linear8bitLt(
            module.in_features,
            module.out_features,
            bias=False,
            has_fp16_weights=False,
            # Where there is a threshold, fake inputs would have a number of outliers that is not
            # known; ``outlier_scratch`` counts the search for them.
            threshold=0.0,
            device="meta",
        )
    )
    packed = torch.empty((module.out_features, module.in_features), dtype=torch.int8)
    weight = torch.nn.Parameter(packed, requires_grad=False)
    weight.__class__ = Int8Params
    weight.CB = packed
    weight.SCB = torch.empty(module.out_features, dtype=torch.float32)
    weight.has_fp16_weights = False
    quantised._parameters["weight"] = weight
    quantised.state.CB = weight.CB
    quantised.state.SCB = weight.SCB
    quantised.init_8bit_state = lambda: None
    return quantised


def _on_meta(build: Any) -> Any:
    """What ``build`` makes outside of the fake mode, where bitsandbytes can wrap its parameters."""
    with unset_fake_temporarily():
        return build()


def quantisation_state(module: Any) -> Iterator[Any]:
    """The tensors beside a quantised weight: scales, code books and offsets."""
    weight = module._parameters.get("weight")
    state = getattr(weight, "quant_state", None)
    if state is not None:
        yield from (state.absmax, state.code)
        if state.nested:
            yield from (state.offset, state.state2.absmax, state.state2.code)
    if getattr(weight, "SCB", None) is not None:
        yield weight.SCB


def dequantisation_scratch(
    inputs: Any,
    packed: Any,
    shape: Any,
    absmax: Any,
    blocksize: int,
    quant_type: str,
    bias: Any = None,
    absmax_8bit: Any = None,
    absmax_code: Any = None,
    absmax_offset: Any = None,
) -> list[int]:
    """What ``bitsandbytes::gemm_4bit`` allocates inside, in bytes.

    The dense weight in the compute dtype and with double quantisation the scales in float32, twice
    (``_dequant_linear_fallback`` in bitsandbytes/backends/cuda/ops.py). Micro-steps of a few rows
    take a fused kernel that needs neither; training steps are larger.
    """
    weights = shape[0] * shape[1]
    scales = [] if absmax_8bit is None else [4 * absmax_8bit.numel()] * 2
    return [*scales, weights * inputs.element_size()]


def outlier_scratch(inputs: Any, threshold: float = 0.0) -> list[int]:
    """What ``bitsandbytes::int8_vectorwise_quant`` allocates inside, in bytes.

    The magnitudes in float16 and a mask of the large ones. With LLM.int8's usual threshold it
    looks for outliers, whose columns then take a product in 16 bits; how many there are depends on
    the data, and none are counted.
    """
    return [2 * inputs.numel(), inputs.numel()]


def eight_bit_scratch(
    inputs: Any, weight: Any, _row: Any, _column: Any, bias: Any = None, dtype: Any = None
) -> list[int]:
    """What ``bitsandbytes::int8_scaled_mm`` allocates inside, in bytes.

    The product in int32, and its float16 form where another dtype is asked for
    (bitsandbytes/backends/default/ops.py and backends/cuda/ops.py).
    """
    outputs = inputs.numel() // inputs.shape[-1] * weight.shape[0]
    return [4 * outputs, *([] if dtype in (None, torch.float16) else [2 * outputs])]
