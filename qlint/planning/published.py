"""The 24 GB budget that qlint's recommended recipe is often planned with, beside the prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qlint.memory.job import Component

_GB = 1_000_000_000
BUDGET: Mapping[str, int] = {
    "weights": int(3.5 * _GB),
    "adapters and optimizer": _GB,
    "activations": 15 * _GB,
    "buffers": 2 * _GB,
}
"""For a 7B model with the recommended recipe on a card of 24 GB; "adapters and optimizer" is an
upper bound."""

_POSTS: Mapping[str, str] = {
    "quantised weights": "weights",
    "unquantised weights": "weights",
    "adapters": "adapters and optimizer",
    "gradients": "adapters and optimizer",
    "optimizer state": "adapters and optimizer",
    "activations": "activations",
    "logits and loss": "activations",
}
"""The post that a component of a prediction belongs to; the others are buffers."""

ACTIVATIONS_DIFFER = (
    "with checkpointing only the inputs of the layers, one layer's activations at a time and the "
    "logits are held. 15 GB of activations is nearer to a run without checkpointing, which holds"
)
WEIGHTS_DIFFER = (
    "Weights come to more than 3.5 GB because embeddings, lm_head and norms are not quantised."
)


def posts(components: Sequence[Component]) -> dict[str, int]:
    """Our components, in bytes, summed up to the posts of :data:`BUDGET`."""
    summed = dict.fromkeys(BUDGET, 0)
    for component in components:
        summed[_POSTS.get(component.name, "buffers")] += component.bytes
    return summed
