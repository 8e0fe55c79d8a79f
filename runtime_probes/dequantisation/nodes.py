"""Times the backward of a piece of the forward: the autograd nodes that it made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

_MOST_NODES = 1000
"""A piece that made more is not one piece; what is beyond is not timed."""


def nodes_between(inputs: Any, outputs: Any) -> Iterator[Any]:
    """The nodes that lead from ``outputs`` back to ``inputs``, those of the inputs excluded.

    Nodes that only hand gradients to parameters are left out as well.
    """
    stop = {tensor.grad_fn for tensor in _tensors(inputs)}
    waiting = [tensor.grad_fn for tensor in _tensors(outputs)]
    seen: set[Any] = set()
    while waiting and len(seen) < _MOST_NODES:
        node = waiting.pop()
        if node is None or node in stop or node in seen or node.name().endswith("AccumulateGrad"):
            continue
        seen.add(node)
        yield node
        waiting.extend(after for after, _ in node.next_functions)


def time_nodes(nodes: Iterable[Any], start: Callable[[], Any], stop: Callable[[Any], None]) -> None:
    """Call ``start`` before and ``stop`` with what it returned after each node runs."""
    for node in nodes:
        _time_node(node, start, stop)


def _time_node(node: Any, start: Callable[[], Any], stop: Callable[[Any], None]) -> None:
    begun: list[Any] = []

    def before(_gradients: Any) -> None:  # A value would replace the gradients.
        begun.append(start())

    def after(_inputs: Any, _outputs: Any) -> None:
        if begun:
            stop(begun.pop())

    node.register_prehook(before)
    node.register_hook(after)


def _tensors(nested: Any) -> Iterator[torch.Tensor]:
    return (leaf for leaf in tree_leaves(nested) if isinstance(leaf, torch.Tensor))
