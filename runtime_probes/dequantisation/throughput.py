"""What larger micro-batches and packing buy: tokens a second of forward and backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import torch

from ..out_of_memory import is_out_of_memory
from ..replay.device import device_of, release
from ..replay.run import Run
from ..replay.window import Window, cloned
from .clock import Step
from .rounds import alternate, half_spread, unchanged

_FACTORS = (1, 2, 4)
"""Micro-batches are so many times the run's."""
_ROUNDS = 4
METHODS = {
    "cuda": "wall time of forward and backward of one micro-batch, in alternation",
    "cpu": "processor time of forward and backward of one micro-batch, in alternation",
}
_WHOLE = 0.99
"""With so many real tokens of a batch, packing has nothing to gain."""
_PACKABLE = frozenset({"input_ids", "attention_mask", "labels"})


class NothingToGain(Exception):
    """There is nothing to compare; the message says why."""


def micro_batches(run: Run) -> list[dict[str, Any]]:
    """Tokens a second with the run's micro-batch and multiples of it.

    Raises NothingToGain where a batch cannot be repeated.
    """
    inputs = _typical(run)
    rows, length = _shape(inputs)
    points: list[dict[str, Any]] = []
    fitting: dict[str, Window] = {}
    for factor in _FACTORS:
        point: dict[str, Any] = {"rows": rows * factor, "length": length}
        points.append(point)
        window = Window((repeated(inputs, factor),), run.windows[0].items)
        if _fits(run, window):
            fitting[str(factor)] = window
            continue
        point["skipped"] = "out of memory"
        break
    taken = _timed(run, fitting)
    for point, steps in zip(points, taken.values(), strict=False):
        point |= _speed(_real_tokens(inputs) * point["rows"] // rows, steps)
    return points


def packing(run: Run) -> dict[str, Any]:
    """Tokens a second, padding not counted, as recorded and with the padding's places filled.

    Raises NothingToGain where there is no padding, or batches are packed in another way already.
    """
    inputs = _typical(run)
    share = _share_of_real_tokens(run)
    if share > _WHOLE:
        raise NothingToGain("the recorded batches hold no padding")
    if not set(inputs) <= _PACKABLE:
        others = ", ".join(sorted(set(inputs) - _PACKABLE))
        raise NothingToGain(f"it is not known how to pack {others}")
    items = run.windows[0].items
    windows = {
        "as it is": Window((inputs,), items),
        "packed": Window((_packed(run, inputs),), items),
    }
    taken = _timed(run, windows)
    return {
        "padding": 1 - share,
        "as_it_is": _speed(_real_tokens(inputs), taken["as it is"]),
        "packed": _speed(inputs["input_ids"].numel(), taken["packed"]),
    }


def repeated(inputs: Any, factor: int) -> Any:
    """All rows of a micro-batch ``factor`` times."""
    rows = _shape(inputs)[0]
    more = cloned(inputs)
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.dim() and value.shape[0] == rows:
            more[name] = torch.cat([value] * factor)
    return more


def _timed(run: Run, windows: Mapping[str, Window]) -> dict[str, list[Step]]:
    settings = dict.fromkeys(windows, unchanged)
    return alternate(run, settings, _ROUNDS, update=False, windows=windows)


def _speed(tokens: int, steps: Sequence[Step]) -> dict[str, float]:
    """``noise`` is a fraction: half the spread of the middle half of the rounds."""
    seconds = median(step.seconds for step in steps)
    noise = half_spread([step.seconds / seconds for step in steps])
    return {"seconds": seconds, "tokens_per_second": tokens / seconds, "noise": noise}


def _fits(run: Run, window: Window) -> bool:
    try:
        run.forward_backward(window)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        fits = False
    else:
        fits = True
    # Outside of the handler: its traceback holds the tensors of the failed step.
    if not fits or device_of(run).type == "cuda":
        release(run)
    run.model.zero_grad()
    return fits


def _typical(run: Run) -> Any:
    """The recorded micro-batch whose padding is nearest to that of all."""
    share = _share_of_real_tokens(run)
    return min(_recorded(run), key=lambda inputs: abs(_real_share(inputs) - share))


def _recorded(run: Run) -> Iterator[Mapping[str, Any]]:
    """Micro-batches that can be repeated.

    Raises NothingToGain where there are none.
    """
    found = [inputs for window in run.windows for inputs in window.inputs]
    if not found or not all(_is_batch(inputs) for inputs in found):
        raise NothingToGain("the recorded inputs have no input_ids of two dimensions")
    if any("position_ids" in inputs or "cu_seq_lens_q" in inputs for inputs in found):
        raise NothingToGain("the batches are packed: a repeated row would be another packing")
    yield from found


def _is_batch(inputs: Any) -> bool:
    ids = inputs.get("input_ids") if isinstance(inputs, Mapping) else None
    return isinstance(ids, torch.Tensor) and ids.dim() == 2


def _shape(inputs: Any) -> tuple[int, int]:
    rows, length = inputs["input_ids"].shape
    return rows, length


def _real_tokens(inputs: Mapping[str, Any]) -> int:
    mask = inputs.get("attention_mask")
    if isinstance(mask, torch.Tensor) and mask.shape == inputs["input_ids"].shape:
        return int(mask.sum())
    return int(inputs["input_ids"].numel())


def _real_share(inputs: Mapping[str, Any]) -> float:
    return _real_tokens(inputs) / int(inputs["input_ids"].numel())


def _share_of_real_tokens(run: Run) -> float:
    recorded = list(_recorded(run))
    places = sum(int(inputs["input_ids"].numel()) for inputs in recorded)
    return sum(map(_real_tokens, recorded)) / places


def _packed(run: Run, like: Mapping[str, Any]) -> Any:
    """The run's tokens in the shape of ``like``, one after the other and without padding.

    Examples see each other, as where texts are cut into blocks; time and memory are the same.
    """
    shape = like["input_ids"].shape
    tokens = torch.cat(
        [inputs["input_ids"][inputs["attention_mask"].bool()] for inputs in _recorded(run)]
    )
    filled = tokens.repeat(-(-shape.numel() // len(tokens)))[: shape.numel()].reshape(shape)
    packed = cloned(like)
    packed["input_ids"] = filled
    packed["attention_mask"] = torch.ones_like(like["attention_mask"])
    if "labels" in like:
        packed["labels"] = filled.clone()
    return packed
