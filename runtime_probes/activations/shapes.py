"""The shape of a micro-batch, and the same micro-batch in another shape.

A tensor's dimensions go by their sizes: the first is rows, and any other that is as large as the
tokens of some ``*_ids`` is a length. All lengths of a batch grow and shrink together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from ..replay.window import cloned

PROMPT, COMPLETION = "prompt_ids", "completion_ids"
"""What a trainer that generates feeds to its model one after the other."""
_TOKENS = ("_ids", "labels")
_OF_PACKING = ("cu_seq_lens", "max_length_", "seq_idx")
"""Where packed sequences begin, which is no longer so in another shape: a kernel that believes it
reads beyond its tokens. Without them the positions tell, or a row is one sequence."""
_IMAGES = ("pixel_", "image_", "spatial_")

Resize = Callable[[str, int], int]
"""The new size of a dimension of so many positions, for a tensor of that name."""


class Shape(NamedTuple):
    """Rows, and the positions that the model sees of each."""

    rows: int
    length: int


def shape_of(inputs: Any) -> Shape:
    """The shape of a micro-batch. Raises ValueError where it holds no tokens."""
    generated = _generated(inputs)
    if generated is not None:
        prompt, completion = generated
        return Shape(prompt.shape[0], prompt.shape[1] + completion.shape[1])
    shapes = [Shape(*ids.shape) for name, ids in _tokens(inputs) if name.endswith("input_ids")]
    if not shapes:
        raise ValueError("the recorded inputs have no input_ids of two dimensions")
    return max(shapes, key=lambda shape: shape.rows * shape.length)


def positions_of(model: Any) -> int | None:
    """How many positions the model knows, where its configuration says it. Beyond them an embedding
    of positions is read out of bounds, after which a card computes nothing more."""
    config = getattr(model, "config", None)
    find = getattr(config, "get_text_config", None)
    text = config if find is None else find()
    known = getattr(text, "max_position_embeddings", None)
    return known if isinstance(known, int) else None


def reshaped(inputs: Any, unit: int, rows: int, length: int) -> Any:
    """The micro-batch cut, or repeated, to ``rows`` rows of ``length`` positions.

    ``unit`` rows are one example: there may be tensors with a row for each.
    """
    return resized(inputs, unit, rows, _proportional(inputs, length))


def with_lengths(inputs: Any, prompt: int, completion: int) -> Any:
    """A micro-batch of a trainer that generates, with so many positions for each part."""
    return resized(inputs, 1, shape_of(inputs).rows, _parts(inputs, prompt, completion))


def resized(inputs: Any, unit: int, rows: int, resize: Resize) -> Any:
    """The micro-batch with ``rows`` rows, and every length as ``resize`` has it."""
    before = shape_of(inputs).rows
    found = cloned(inputs)
    for name, value in inputs.items():
        if name.startswith(_OF_PACKING):
            del found[name]
        if name not in found or not isinstance(value, torch.Tensor) or not value.dim():
            continue
        part = value
        for size, wanted in ((before, rows), (before // unit, rows // unit)):
            if value.shape[0] == size:
                part = _sized(value, 0, wanted)
                break
        if not name.startswith(_IMAGES):
            for dimension in range(1, value.dim()):
                part = _sized(part, dimension, resize(name, value.shape[dimension]))
        if name == "position_ids" and part.dim() == 2 and part.shape[1] > value.shape[1]:
            # Repeated, they would say that several sequences are packed into a row.
            part = torch.arange(part.shape[1], device=part.device).expand(part.shape)
        found[name] = part.contiguous()
    return found


def _proportional(inputs: Any, length: int) -> Resize:
    """All lengths by the factor that makes the whole ``length`` positions."""
    before = shape_of(inputs).length
    generated = _generated(inputs)
    if generated is not None:
        prompt = max(1, min(length - 1, round(generated[0].shape[1] * length / before)))
        return _parts(inputs, prompt, length - prompt)
    known = {ids.shape[1] for _, ids in _tokens(inputs)}

    def resize(_name: str, size: int) -> int:
        return max(1, size * length // before) if size in known else size

    return resize


def _parts(inputs: Any, prompt: int, completion: int) -> Resize:
    before = inputs[PROMPT].shape[1], inputs[COMPLETION].shape[1]

    def resize(name: str, size: int) -> int:
        if name.startswith("prompt_"):
            return prompt if size == before[0] else size
        sizes = {sum(before): prompt + completion, before[1]: completion}
        return sizes.get(size, size)

    return resize


def _sized(value: torch.Tensor, dimension: int, wanted: int) -> torch.Tensor:
    """``value`` with ``wanted`` positions in the dimension."""
    size = value.shape[dimension]
    if size in (0, wanted):
        return value
    repeats = [1] * value.dim()
    repeats[dimension] = -(-wanted // size)
    return value.repeat(repeats).narrow(dimension, 0, wanted)


def _generated(inputs: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Prompts and completions of a trainer that generates."""
    found = dict(_tokens(inputs))
    if PROMPT in found and COMPLETION in found:
        return found[PROMPT], found[COMPLETION]
    return None


def _tokens(inputs: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if not isinstance(inputs, Mapping):
        return
    for name, value in inputs.items():
        if (
            isinstance(name, str)
            and name.endswith(_TOKENS)
            and not name.endswith("position_ids")
            and isinstance(value, torch.Tensor)
            and value.dim() == 2
            and not value.is_floating_point()
        ):
            yield name, value
