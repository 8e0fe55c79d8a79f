"""What differs on CUDA, held against torch's own lists and kernels' contracts."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
for library in ("transformers", "peft", "bitsandbytes", "accelerate"):
    pytest.importorskip(library)
semantics: Any = importlib.import_module("qlint.runtime_probes.simulation.cuda_semantics")
attention: Any = importlib.import_module("qlint.runtime_probes.simulation.attention")


def listed(macro: str) -> set[str]:
    """The operations of one of autocast's lists, as torch's own header has them."""
    header = Path(torch.__file__).parent / "include" / "ATen" / "autocast_mode.h"
    lines = header.read_text(encoding="utf-8").split(f"#define {macro}(_)", 1)[1]
    body = re.match(r"(?:.*\\\n)*.*\n", lines)
    assert body is not None
    names = re.findall(r"_\((\w+)(?:, (\w+))?\)", body[0])
    return {".".join(part for part in name if part) for name in names}


def test_the_lists_are_torchs() -> None:
    assert set(semantics._FLOAT32_OPERATIONS) <= listed("AT_FORALL_FP32")
    assert set(semantics._FLOAT32_BY_DTYPE) <= listed("AT_FORALL_FP32_SET_OPT_DTYPE")


def test_16_bit_operations_of_norms_run_in_float32_only_inside() -> None:
    def dtypes() -> set[Any]:
        x = torch.ones(4, 4, dtype=torch.bfloat16)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return {
                each.dtype for each in (x.pow(2), torch.rsqrt(x), torch.softmax(x, -1), x.sum(-1))
            } | {torch.nn.functional.layer_norm(x, (4,)).dtype}

    before = dtypes()
    with semantics.cuda_semantics(torch.bfloat16):
        assert dtypes() == {torch.float32}
        assert torch.ones(2, dtype=torch.bfloat16).pow(2).dtype is torch.bfloat16
    assert dtypes() == before
    assert torch.bfloat16 in before


def test_dropout_keeps_a_byte_an_element() -> None:
    x = torch.ones(64, 64, requires_grad=True)
    kept = []
    with (
        semantics.cuda_semantics(None),
        torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t), lambda t: t),
    ):
        torch.nn.functional.dropout(x, 0.5)
        assert torch.nn.functional.dropout(x, 0.5, training=False) is x
    assert [tensor.dtype for tensor in kept] == [torch.bool]


@pytest.mark.parametrize(
    ("width", "heads", "sizes"),
    [
        # 200 rows become 256, 80 columns 96; fewer key heads take their gradients for each query
        # head.
        (80, 4, [4 * 2 * 4 * 256, 4 * 2 * 4 * 256 * 96]),
        (80, 2, [4 * 2 * 4 * 256, 4 * 2 * 4 * 256 * 96] + [2 * 2 * 200 * 4 * 80] * 2),
    ],
)
def test_flash_attention_backwards_takes_rounded_float32(
    width: int, heads: int, sizes: list[int]
) -> None:
    query = torch.empty(2, 4, 200, width, dtype=torch.bfloat16)
    key = torch.empty(2, heads, 200, width, dtype=torch.bfloat16)
    assert attention.flash_backward_scratch(query, query, key) == sizes
