"""In which phase of a step the calling thread is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

Phase: TypeAlias = Literal["forward", "backward", "recompute"]
PHASES: tuple[Phase, ...] = ("forward", "backward", "recompute")

_BACKWARD = "MatMul4BitBackward"


def phase() -> Phase:
    """Outside of the autograd engine it is the forward. Within it, the node that runs tells
    ``MatMul4Bit.backward`` from a checkpoint that computes its part of the forward again. Both
    questions are answered for the calling thread, so other threads do not interfere.
    """
    if torch._C._current_graph_task_id() == -1:
        return "forward"
    node = torch._C._current_autograd_node()
    return "backward" if node is not None and node.name() == _BACKWARD else "recompute"
