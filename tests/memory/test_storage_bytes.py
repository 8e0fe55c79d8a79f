"""Quantised weights to the byte, by hand and against bitsandbytes itself."""

from __future__ import annotations

import importlib

import pytest

from qlint.memory.quantisation import eight_bit_tensors, four_bit_tensors


def test_four_bits_without_double_quantisation() -> None:
    packed, scales, code = four_bit_tensors(4096 * 4096, double_quant=False)
    assert (packed, scales, code) == (8_388_608, 1_048_576, 64)


def test_four_bits_with_double_quantisation() -> None:
    packed, scales, code, second, offset = four_bit_tensors(4096 * 4096, double_quant=True)
    assert (packed, scales, code, second, offset) == (8_388_608, 262_144, 64, 4096, 4)


@pytest.mark.parametrize("weights", [1, 63, 65, 129])
def test_odd_sizes_are_padded(weights: int) -> None:
    packed, scales, *_ = four_bit_tensors(weights, double_quant=False)
    assert packed == (weights + 1) // 2
    assert scales == 4 * -(-weights // 64)


def test_eight_bits_keep_a_scale_for_each_row() -> None:
    assert eight_bit_tensors(4096, 11008) == (4096 * 11008, 4 * 11008)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(128, 64), (96, 33), (1000, 77)])
@pytest.mark.parametrize("double_quant", [False, True])
def test_bitsandbytes_stores_the_same_bytes(shape: tuple[int, int], double_quant: bool) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("bitsandbytes")
    functional = importlib.import_module("bitsandbytes.functional")
    weight = torch.randn(shape)
    packed, state = functional.quantize_4bit(
        weight, quant_type="nf4", compress_statistics=double_quant
    )
    tensors = [packed, state.absmax, state.code]
    if double_quant:
        tensors += [state.state2.absmax, state.offset]
    sizes = tuple(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert sizes == four_bit_tensors(weight.numel(), double_quant)
