"""Tensors with a size and no content, and the graph that autograd builds of them.

Transcribes ``torch/csrc/autograd``: a node keeps what its formula needs (``derivatives.yaml``)
until it has run; the engine runs the node made last first (``engine.cpp``,
``CompareNodeTaskTime``); where several gradients meet they are added in place
(``input_buffer.cpp``); the first gradient of a parameter is taken over as it is, later ones are
added to it (``accumulate_grad.h``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from qlint.memory.step.ledger import Ledger, Storage

GRADIENTS = "gradients"


class Parameter:
    """A trained parameter: the end of a path through the graph."""

    __slots__ = ("cached", "elements", "gradient", "size")

    def __init__(self, elements: int, size: int, has_gradient: bool) -> None:
        self.elements = elements
        self.size = size
        self.gradient: Tensor | bool = has_gradient
        """The gradient of this step, or True where one was there before and is not in the
        ledger."""
        self.cached: Tensor | None = None
        """Autocast's copy in 16 bits, which lives as long as the autocast region."""


class Tensor:
    """So many elements of ``size`` bytes each, and the node that made them, if it is tracked."""

    __slots__ = ("elements", "node", "size", "storage")

    def __init__(
        self, storage: Storage | None, elements: int, size: int, node: Node | Parameter | None
    ) -> None:
        self.storage = storage
        self.elements = elements
        self.size = size
        self.node = node

    @property
    def tracked(self) -> bool:
        """Autograd needs a gradient for it."""
        return self.node is not None

    def detached(self) -> Tensor:
        """The same bytes without history."""
        return Tensor(self.storage, self.elements, self.size, None)


Gradient = Tensor | None
Formula = Callable[["Node", Tensor], tuple[Gradient, ...]]


class Node:
    """One operation in the graph: whom to hand gradients to, and what its formula has kept."""

    __slots__ = ("context", "formula", "inputs", "number", "saved")

    def __init__(
        self,
        number: int,
        inputs: tuple[Node | Parameter | None, ...],
        saved: tuple[Tensor, ...],
        context: tuple[Tensor, ...],
        formula: Formula,
    ) -> None:
        self.number = number
        self.inputs = inputs
        self.saved = saved
        """Released once the node has run."""
        self.context = context
        """Stands on ``ctx`` itself, so it lives as long as the node: until the loss is dropped."""
        self.formula = formula


class Tape:
    """Makes tensors and nodes, and runs the graph backwards."""

    def __init__(self, ledger: Ledger, saves: bool = True, tracks: bool = True) -> None:
        self.ledger = ledger
        self.saves = saves
        """False in the forward of a checkpointed layer, where the graph keeps nothing."""
        self.tracks = tracks
        """False under ``no_grad``."""
        self.held: list[Tensor] = []
        """What the model's outputs hold on to until the loss is returned."""
        self._numbers = count()

    def new(self, elements: int, size: int, kind: str | None = None) -> Tensor:
        """Allocate a tensor without history."""
        return Tensor(Storage(self.ledger, elements * size, kind), elements, size, None)

    def track(
        self,
        result: Tensor,
        inputs: tuple[Tensor, ...],
        formula: Formula,
        saved: tuple[Tensor, ...] = (),
        context: tuple[Tensor, ...] = (),
    ) -> Tensor:
        """Give ``result`` a node, if one of its inputs is tracked."""
        if not self.tracks:
            return result
        edges = tuple([tensor.node for tensor in inputs])
        if any(edges):
            # The node keeps bytes alive, not history: that is what the edges are for.
            kept = tuple([tensor.detached() for tensor in saved]) if self.saves else ()
            on_context = tuple([tensor.detached() for tensor in context]) if context else ()
            result.node = Node(next(self._numbers), edges, kept, on_context, formula)
        return result

    def backward(self, end: Node | Parameter | None, seed: list[Tensor]) -> dict[Node, Tensor]:
        """Run the graph that ends in ``end``; returns the gradients at the sources of paths.

        The gradient of ``end`` is taken out of ``seed``, so that nobody holds on to it.
        """
        waiting: dict[Node, Tensor] = {}
        queue: list[tuple[int, Node]] = []
        ends: dict[Node, Tensor] = {}
        _hand_over(end, seed.pop(), waiting, queue)
        del end
        while queue:
            node = heapq.heappop(queue)[1]
            incoming = waiting.pop(node)
            if not node.inputs:
                ends[node] = incoming
                continue
            outgoing = list(node.formula(node, incoming))
            del incoming
            node.saved = ()
            edges = list(node.inputs)
            del node
            while edges:
                edge, handed = edges.pop(0), outgoing.pop(0)
                if handed is not None:
                    _hand_over(edge, handed, waiting, queue)
                del handed
        return ends

    def source(self, tensor: Tensor) -> Node:
        """Make ``tensor`` the start of a path, as a layer's input is for that layer alone."""
        node = Node(next(self._numbers), (), (), (), lambda node, gradient: ())
        tensor.node = node
        return node


def _hand_over(
    edge: Node | Parameter | None,
    gradient: Tensor,
    waiting: dict[Node, Tensor],
    queue: list[tuple[int, Node]],
) -> None:
    if edge is None:
        return
    if isinstance(edge, Parameter):
        if edge.gradient is False:
            if gradient.storage is not None:
                gradient.storage.recharge(GRADIENTS)
            edge.gradient = gradient
        return
    if edge in waiting:
        return  # added in place
    waiting[edge] = gradient
    heapq.heappush(queue, (-edge.number, edge))
