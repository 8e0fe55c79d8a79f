"""What is in memory before a step begins, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch.utils._pytree import tree_leaves

from ..replay.run import Watched
from ..replay.window import Window
from ..simulation.quantised import quantisation_state


def resident(run: Watched, windows: Iterable[Window]) -> Iterator[tuple[torch.Tensor, str, str]]:
    """Each tensor, what it is, and its module; a storage may come more than once.

    ``windows`` are the inputs that are held.
    """
    for path, module in run.model.named_modules():
        for parameter in module._parameters.values():
            if parameter is None:
                continue
            if parameter.grad is not None:
                yield parameter.grad, "gradients", path
            yield parameter, _weights(parameter), path
        yield from ((tensor, "quantised weights", path) for tensor in quantisation_state(module))
        yield from ((t, "buffers", path) for t in module._buffers.values() if t is not None)
    for tensor in tree_leaves([list(state.values()) for state in run.optimizer.state.values()]):
        if isinstance(tensor, torch.Tensor):
            yield tensor, "optimizer state", ""
    for window in windows:
        for tensor in tree_leaves([dict(inputs) for inputs in window.inputs]):
            if isinstance(tensor, torch.Tensor):
                yield tensor, "inputs", ""


def _weights(parameter: torch.Tensor) -> str:
    if parameter.requires_grad:
        return "trained parameters"
    return "unquantised weights" if parameter.is_floating_point() else "quantised weights"
