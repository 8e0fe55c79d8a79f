"""Makes a run on CPU tensors keep what a run on CUDA keeps.

Where the two differ, in torch 2.13:

- Autocast has other lists: CUDA's runs ``pow``, ``rsqrt``, ``softmax``, ``layer_norm`` and others
  in float32 (``AT_FORALL_FP32`` in ``ATen/autocast_mode.h``), CPU's leaves them in 16 bits.
- Dropout on CUDA is ``native_dropout``, which keeps a mask of one byte an element; on CPU it
  multiplies with noise of the input's own dtype.
- ``softmax(..., dtype=float32)`` of float16 converts inside its kernel and leaves no copy.
- Scaled dot-product attention goes to other kernels: see :mod:`.attention`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import bitsandbytes.autograd._functions
import torch
import torch.nn.functional

from .attention import autocast_enabled, scaled_dot_product_attention

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


@contextlib.contextmanager
def cuda_semantics(autocast: Any) -> Iterator[None]:
    """Inside, CPU tensors are treated as CUDA's would be; ``autocast`` is its dtype, or None."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_float32_lists())
        stack.enter_context(replaced(torch.nn.functional, "dropout", _fused_dropout))
        attention = scaled_dot_product_attention(autocast)
        name = "scaled_dot_product_attention"
        stack.enter_context(replaced(torch.nn.functional, name, attention))
        stack.enter_context(autocast_seen_as_cuda())
        # On the CPU bitsandbytes multiplies by dequantised weights instead of 8-bit activations.
        matmul = bitsandbytes.autograd._functions
        stack.enter_context(replaced(matmul, "MatMul8bitFp", matmul.MatMul8bitLt))
        yield


@contextlib.contextmanager
def autocast_seen_as_cuda() -> Iterator[None]:
    """``torch.isautocast_enabled()``, which asks about CUDA, answers for the CPU instead.

    PEFT decides on it whether a quantised layer converts its input itself.
    """
    with replaced(torch, "is_autocast_enabled", lambda *_: autocast_enabled("cpu")):
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
