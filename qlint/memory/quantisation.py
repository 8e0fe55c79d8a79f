"""What quantised weights take, to the byte.

From bitsandbytes 0.50 (``functional.py``, ``quantize_4bit``): blocks of 64 weights share one
float32 scale (``absmax``); two weights share a byte, an odd one takes a byte of its own; the code
book has 16 float32 values. Double quantisation stores the scales in 8 bits: blocks of 256 of them
share one float32; their code book has 256 float32 values, and each matrix one offset. NF4 has no zero point,
and FP4 takes the same room. ``quant_storage`` only changes what dtype the bytes pretend to have.

Eight bits (``Int8Params.cuda``): one byte a weight and a float32 scale a row.
"""

from __future__ import annotations

WEIGHTS_PER_SCALE = 64
SCALES_PER_SECOND_SCALE = 256
_CODE_BYTES = 16 * 4
_OFFSET_BYTES = 4
SECOND_CODE_BYTES = 256 * 4
"""The code book of double quantisation, one for the whole process (``name2qmap``)."""


def four_bit_tensors(weights: int, double_quant: bool) -> tuple[int, ...]:
    """Bytes of every tensor that belongs to one quantised matrix of so many weights."""
    packed = -(-weights // 2)
    scales = -(-weights // WEIGHTS_PER_SCALE)
    if not double_quant:
        return packed, 4 * scales, _CODE_BYTES
    second = 4 * -(-scales // SCALES_PER_SECOND_SCALE)
    return packed, scales, _CODE_BYTES, second, _OFFSET_BYTES


def eight_bit_tensors(inputs: int, outputs: int) -> tuple[int, ...]:
    """Bytes of the tensors of one LLM.int8() matrix: its weights and a scale for each row."""
    return inputs * outputs, 4 * outputs


def absmax_scratch(weights: int) -> tuple[int, int]:
    """Bytes of the float32 scales that dequantising makes of 8-bit ones: before and after the
    offset is added."""
    scales = 4 * -(-weights // WEIGHTS_PER_SCALE)
    return scales, scales


def bits_per_parameter(double_quant: bool) -> float:
    """Bits for one quantised weight with its share of the scales: 4.5, or 4.127."""
    if not double_quant:
        return 4 + 32 / WEIGHTS_PER_SCALE
    return 4 + 8 / WEIGHTS_PER_SCALE + 32 / (WEIGHTS_PER_SCALE * SCALES_PER_SECOND_SCALE)


def double_quant_saving(quantised_parameters: int) -> int:
    """Bytes that double quantisation saves on this many quantised weights."""
    saved_bits = bits_per_parameter(False) - bits_per_parameter(True)
    return round(quantised_parameters * saved_bits / 8)
