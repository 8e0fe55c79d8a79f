"""Attention as CUDA computes it: which kernel, what it keeps, and what it takes inside.

PyTorch prefers FlashAttention, for 16-bit inputs without a mask, and else takes the
memory-efficient kernel (``ATen/native/transformers/cuda/sdp_utils.cpp``). Cards differ: those of
compute capability 8.6, 8.9 and 12.0 cannot use the former backwards for heads wider than 192, and
data-centre cards since Hopper may prefer cuDNN's. That is left out here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional

autocast_enabled = torch.is_autocast_enabled
"""As torch has it; what stands in its place during a simulation answers for another device."""


def scaled_dot_product_attention(autocast: Any) -> Callable[..., Any]:
    """A form of torch's function that takes CUDA's kernels; ``autocast`` is its dtype, or None."""

    def attention(
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Any:
        if autocast is not None and autocast_enabled("cpu"):
            query, key, value = (each.to(autocast) for each in (query, key, value))
        if attn_mask is None and query.dtype is not torch.float32 and query.shape[-1] <= 256:
            return _flash(query, key, value, dropout_p, is_causal, scale)
        if enable_gqa:
            query_heads, heads = query.shape[-3], key.shape[-3]
            key = key.repeat_interleave(query_heads // heads, -3)
            value = value.repeat_interleave(query_heads // heads, -3)
        bias = _additive(attn_mask, query)
        return torch.ops.aten._scaled_dot_product_efficient_attention(
            query, key, value, bias, True, dropout_p, is_causal, scale=scale
        )[0]

    return attention


def flash_attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_others: Any,
) -> tuple[Any, None]:
    """Attention as transformers' ``flash_attention_2``, in the form that models call.

    Inputs in float32 are cast to autocast's dtype, or to that of the linear modules
    (``get_target_dtype`` in transformers/integrations/flash_attention.py). Padding costs no mask.
    """
    if query.dtype is torch.float32:
        dtype = module.config.dtype
        if autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
        query, key, value = (each.to(dtype) for each in (query, key, value))
    result = _flash(query, key, value, dropout, True, scaling)
    return result.transpose(1, 2).contiguous(), None


def _flash(
    query: Any, key: Any, value: Any, dropout_p: float, is_causal: bool, scale: float | None
) -> Any:
    width = query.shape[-1]
    padding = -width % 8
    if padding:
        # FlashAttention takes multiples of 8 (``pad_last_dim<8>`` in transformers/attention.cpp).
        scale = width**-0.5 if scale is None else scale
        query, key, value = (
            torch.nn.functional.pad(each, (0, padding)) for each in (query, key, value)
        )
    result = torch.ops.aten._scaled_dot_product_flash_attention(
        query, key, value, dropout_p, is_causal, False, scale=scale
    )[0]
    return result[..., :width] if padding else result


def _additive(mask: Any, query: Any) -> Any:
    """The bias that the memory-efficient kernel takes: no booleans, rows aligned to 8 elements."""
    if mask is None:
        return None
    if mask.dtype is torch.bool:
        bias = torch.zeros_like(mask, dtype=query.dtype)
        bias.masked_fill_(mask.logical_not(), float("-inf"))
        mask = bias
    batch, heads, rows = query.shape[:3]
    columns = mask.shape[-1]
    padding = -columns % 8
    if padding:
        mask = torch.nn.functional.pad(mask, (0, padding))[..., :columns]
    return mask.expand(batch, heads, rows, columns)


def flash_backward_scratch(
    grad_out: Any, query: Any, key: Any, *_others: Any, **_keywords: Any
) -> list[int]:
    """What FlashAttention 2 allocates inside its backward pass, in bytes.

    ``softmax_d`` and the float32 accumulator of the query's gradient, rows rounded up to 128 and
    widths to 32 (64 above 128), and with fewer key heads than query heads, gradients of keys and
    values for every query head (``mha_bwd`` in flash_attn/flash_api.cpp).
    """
    batch, heads, rows, width = query.shape
    key_heads, columns = key.shape[1], key.shape[2]
    rounded_rows = _round_up(rows, 128)
    rounded_width = _round_up(width, 32 if width <= 128 else 64)
    scratch = [
        4 * batch * heads * rounded_rows,
        4 * batch * heads * rounded_rows * rounded_width,
    ]
    if key_heads != heads:
        scratch += [query.element_size() * batch * columns * heads * width] * 2
    return scratch


def efficient_backward_scratch(
    grad_out: Any, query: Any, key: Any, value: Any, *_others: Any, **_keywords: Any
) -> list[int]:
    """What the memory-efficient kernel allocates inside its backward pass, in bytes.

    ``delta``, one float32 for each row and head, and for 16-bit inputs a workspace of float32
    accumulators: for queries always, for keys and values where a head is too wide for registers
    (``workspace_elements_gq``, ``_gk`` and ``_gv`` in mem_eff_attention/kernel_backward.h).
    """
    batch, heads, rows, width = query.shape
    scratch = [4 * batch * heads * rows]
    if query.dtype is not torch.float32:
        queries = _round_up(rows, 64) * _round_up(width, 32)
        keys = 2 * _round_up(key.shape[2], 64) * _round_up(width, 64) if width > 128 else 0
        scratch.append(4 * batch * heads * (queries + keys))
    return scratch


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
