"""The error of 4-bit weights as their codes alone tell it, without the weights they stand for.

A weight lies anywhere in the cell of its code, between the midpoints to the neighbouring levels.
Spread evenly over the cell it errs by a known mean square; at the far end of the cell by the most
that is possible. What double quantisation adds to the scales is not part of either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from .layers import dense

_CHUNK = 1 << 22


class CodeError(NamedTuple):
    """Relative errors (Frobenius norms): expected, and at most."""

    expected: float
    bound: float


def error_from_codes(layer: Any) -> CodeError:
    """The error of a bitsandbytes layer's weight."""
    state = layer.weight.quant_state
    scales = _scales(state).double()
    mean_square, square_bound = _cells(state.code.double().cpu())
    codes = layer.weight.data.view(torch.uint8).flatten()
    per_block = state.blocksize // 2
    tables = [_for_bytes(cells).to(codes.device) for cells in (mean_square, square_bound)]
    sums = [0.0, 0.0]
    for start in range(0, codes.numel(), _CHUNK):
        part = codes[start : start + _CHUNK].long()
        blocks = (torch.arange(part.numel(), device=part.device) + start) // per_block
        weights = scales[blocks].square()
        for number, table in enumerate(tables):
            sums[number] += float((table[part] * weights).sum())
    # One weight of each block is the largest, which its scale gives exactly.
    ends = (mean_square[state.code.argmin().item()] + mean_square[state.code.argmax().item()]) / 2
    sums[0] -= float(ends * scales.square().sum())
    norm = float(dense(layer).norm())
    if norm == 0:
        return CodeError(0.0, 0.0)
    return CodeError(sums[0] ** 0.5 / norm, sums[1] ** 0.5 / norm)


def _scales(state: Any) -> torch.Tensor:
    """The largest absolute weight of each block."""
    if not state.nested:
        scales: torch.Tensor = state.absmax
        return scales
    from bitsandbytes.functional import dequantize_blockwise

    nested: torch.Tensor = dequantize_blockwise(state.absmax, state.state2)
    return nested + state.offset


def _cells(levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean square and greatest square distance to the level within each level's cell."""
    order = torch.argsort(levels)
    ordered = levels[order]
    middles = (ordered[1:] + ordered[:-1]) / 2
    low = torch.cat([ordered[:1], middles]) - ordered
    high = torch.cat([middles, ordered[-1:]]) - ordered
    mean_square = (high**3 - low**3) / (3 * (high - low))
    greatest = torch.maximum(low.square(), high.square())
    back = torch.argsort(order)
    return mean_square[back], greatest[back]


def _for_bytes(cells: torch.Tensor) -> torch.Tensor:
    """The sum over the two codes that a byte holds, for each byte."""
    values = torch.arange(256)
    return cells[values // 16] + cells[values % 16]
