"""Makes a run on CPU tensors keep what a run on CUDA keeps.

Where the two differ, in torch 2.13:

- Autocast has other lists: CUDA's runs ``pow``, ``rsqrt``, ``softmax``, ``layer_norm`` and others
  in float32 (``AT_FORALL_FP32`` in ``ATen/autocast_mode.h``), CPU's leaves them in 16 bits.
- Dropout on CUDA is ``native_dropout``, which keeps a mask of one byte an element; on CPU it
  multiplies with noise of the input's own dtype.
- ``softmax(..., dtype=float32)`` of float16 converts inside its kernel and leaves no copy.
- Scaled dot-product attention goes to FlashAttention or the memory-efficient kernel
  (``ATen/native/transformers/cuda/sdp_utils.cpp``), each with scratch space of its own backwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional

_FLOAT32_OPERATIONS = (
    *("acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p"),
    *("reciprocal", "rsqrt", "sinh", "tan", "softplus", "logsumexp", "cdist", "renorm"),
    *("pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar", "cosine_similarity"),
    *("layer_norm", "native_layer_norm", "rms_norm", "group_norm"),
    *("nll_loss", "nll_loss2d", "kl_div", "l1_loss", "smooth_l1_loss", "huber_loss", "mse_loss"),
    "binary_cross_entropy_with_logits",
)
"""What models use of ``AT_FORALL_FP32``."""
_FLOAT32_BY_DTYPE = (
    *("prod", "prod.dim_int", "softmax.int", "log_softmax.int", "cumprod", "cumsum"),
    *("sum", "sum.dim_IntList"),
)
"""Given ``dtype=float32`` where the caller names none: ``AT_FORALL_FP32_SET_OPT_DTYPE``."""

_AUTOCAST = "AutocastCPU"
_autocast_enabled = torch.is_autocast_enabled


@contextlib.contextmanager
def cuda_semantics(autocast: Any) -> Iterator[None]:
    """Inside, CPU tensors are treated as CUDA's would be; ``autocast`` is its dtype, or None."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_float32_lists())
        stack.enter_context(replaced(torch.nn.functional, "dropout", _fused_dropout))
        attention = _attention(autocast)
        name = "scaled_dot_product_attention"
        stack.enter_context(replaced(torch.nn.functional, name, attention))
        stack.enter_context(autocast_seen_as_cuda())
        yield


@contextlib.contextmanager
def autocast_seen_as_cuda() -> Iterator[None]:
    """``torch.is_autocast_enabled()``, which asks about CUDA, answers for the CPU instead.

    PEFT decides on it whether a quantised layer converts its input itself.
    """
    with replaced(torch, "is_autocast_enabled", lambda *_: _autocast_enabled("cpu")):
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, replacement: Callable[..., Any]) -> Iterator[None]:
    """Inside, ``owner.name`` is ``replacement``."""
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def _float32_lists() -> Iterator[None]:
    library = torch.library.Library("aten", "IMPL")
    try:
        for names, make in (
            (_FLOAT32_OPERATIONS, _in_float32),
            (_FLOAT32_BY_DTYPE, _with_float32_dtype),
        ):
            for name in names:
                if not torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{name}", _AUTOCAST):
                    library.impl(name, make(_overload(name)), _AUTOCAST)
        yield
    finally:
        library._destroy()


def _overload(name: str) -> Any:
    base, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, base), overload or "default")


_WITHOUT_AUTOCAST = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, _AUTOCAST))


def _in_float32(operation: Any) -> Callable[..., Any]:
    def run(*arguments: Any, **keywords: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(_WITHOUT_AUTOCAST):
            return operation(
                *(_float32(argument) for argument in arguments),
                **{name: _float32(argument) for name, argument in keywords.items()},
            )

    return run


def _with_float32_dtype(operation: Any) -> Callable[..., Any]:
    softmax = operation is torch.ops.aten.softmax.int

    def run(*arguments: Any, dtype: Any = None, **keywords: Any) -> Any:
        first, *others = arguments
        with torch._C._ExcludeDispatchKeyGuard(_WITHOUT_AUTOCAST):
            # The schema of the softmaxes takes the dtype by position.
            if dtype is None and others and isinstance(others[-1], torch.dtype):
                dtype = others.pop()
            if dtype is None and _eligible(first):
                dtype = torch.float32
            if softmax and first.dtype is torch.float16 and dtype is torch.float32:
                return torch._softmax(first, others[0], True)
            return operation(first, *others, dtype=dtype, **keywords)

    return run


def _eligible(value: Any) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.dtype is not torch.float64
    )


def _float32(value: Any) -> Any:
    return value.to(torch.float32) if _eligible(value) else value


def _fused_dropout(
    input: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Any:
    if not training or p == 0.0:
        return input
    return torch.native_dropout(input, p, True)[0]


def _attention(autocast: Any) -> Callable[..., Any]:
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
        if autocast is not None and _autocast_enabled("cpu"):
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
    rounded_rows = -(-rows // 128) * 128
    step = 32 if width <= 128 else 64
    rounded_width = -(-width // step) * step
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

    ``delta``, one float32 for each row and head, and for 16-bit inputs a float32 accumulator of
    the query's gradient (``gradQ`` workspace in mem_eff_attention/kernel_backward.h).
    """
    batch, heads, rows, width = query.shape
    scratch = [4 * batch * heads * rows]
    if query.dtype is not torch.float32:
        scratch.append(4 * batch * heads * (-(-rows // 64) * 64) * (-(-width // 32) * 32))
    return scratch
