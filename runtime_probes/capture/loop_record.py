"""What a hand-written loop does between two steps of its optimizer, put down as windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..replay.loop_run import Autocast, Call, Clip, LoopRun, LoopWindow
from ..replay.modes import without_gradients
from ..replay.state import Randomness
from ..replay.window import cloned, divided
from .model_loss import by_name, with_leaf
from .stop import NotReplayable


class _Pending(NamedTuple):
    """A call of the model that ``backward`` may follow."""

    loss: torch.Tensor | None
    inputs: dict[str, Any]
    autocast: Autocast
    drawn: tuple[Randomness, Randomness] | None


class LoopRecord:
    """The windows so far, and what is known of the one that is open.

    Raises NotReplayable at what cannot be.
    """

    def __init__(self) -> None:
        self.windows: list[LoopWindow] = []
        self.clips: list[Clip] = []
        self.unscaled = False
        self.scaler: Any = None
        self.pending: list[_Pending] = []
        self.compiled: list[tuple[torch.nn.Module, Callable[[], Any]]] = []
        """The modules that the script compiles, and what does it."""
        self._inputs: list[dict[str, Any]] = []
        self._calls: list[Call] = []
        self._model: Any = None
        self._optimizer: Any = None
        self._randomness: Randomness | None = None
        self._after: Randomness | None = None
        self._zeros: dict[torch.nn.Parameter, tuple[torch.Tensor, int]] = {}

    def call(
        self, original: Any, model: Any, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        """Call the model without gradients; its loss becomes a leaf."""
        inputs = by_name(model, arguments, named)
        if inputs is None:
            raise _unsuited("calls its model with positional arguments that have no names")
        if self._model is None:
            self._model = model
        elif self._model is not model:
            raise _unsuited("trains more than one model")
        inputs = cloned(inputs)
        now = Randomness.now()
        drawn = None
        if self._after is None:
            self._randomness = now
        elif not self._after.equals(now):
            drawn = (self._after, now)
        with without_gradients(model):
            returned = with_leaf(original(model, *arguments, **named))
        self._after = Randomness.now()
        self.pending.append(_Pending(returned.loss, inputs, Autocast.now(), drawn))
        return returned.output

    def backward(self, loss: Any, gradient: Any) -> None:
        """A micro-batch is complete: what the script made of the model's loss is its scale."""
        pending, self.pending = self.pending, []
        used = []
        leaves = [(one, one.loss) for one in pending if one.loss is not None]
        if leaves and isinstance(loss, torch.Tensor) and loss.requires_grad:
            scales = torch.autograd.grad(
                loss, [leaf for _, leaf in leaves], gradient, allow_unused=True
            )
            found = zip(leaves, scales, strict=True)
            used = [(*one, float(scale)) for one, scale in found if scale is not None]
        if not used:
            raise _unsuited(
                "computes the loss from the model's output itself: give the model its labels"
            )
        if len(used) > 1:
            raise _unsuited("adds up the losses of several forward passes before one backward()")
        one, leaf, scale = used[0]
        if not _is_scaled(loss, leaf, scale / (1.0 if gradient is None else float(gradient))):
            raise _unsuited("adds terms of its own to the loss that the model returns")
        self._inputs.append(one.inputs)
        self._calls.append(Call(scale, one.autocast, one.drawn))
        self._give_zeros()

    def step(self, optimizer: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A window is complete; without gradients, the optimizer's step will change nothing."""
        if not self._calls:
            return
        if self._optimizer is None:
            self._optimizer = optimizer
        elif self._optimizer is not optimizer:
            raise _unsuited("steps more than one optimizer")
        if any(callable(one) for one in (*arguments, *named.values())):
            raise _unsuited("gives optimizer.step() a closure")
        self._take_zeros()
        groups = [
            {key: cloned(value) for key, value in group.items() if key != "params"}
            for group in optimizer.param_groups
        ]
        window = LoopWindow(
            tuple(self._inputs),
            None,
            tuple(self._calls),
            tuple(self.clips),
            self.unscaled,
            tuple(groups),
        )
        self.windows.append(window)
        self._inputs, self._calls, self.clips, self.unscaled = [], [], [], False

    def run(self, held_out: int) -> LoopRun:
        """The run as it stood before its first step."""
        for parameter in self._zeros:
            parameter.grad = None
        if self._randomness is not None:
            self._randomness.restore()
        windows, judged = divided(self.windows, held_out)
        return LoopRun(self._compiled(), self._optimizer, self.scaler, windows, judged)

    def _compiled(self) -> Any:
        """The model as the script calls it."""
        for module, make in self.compiled:
            if module is self._model:
                return make()
            if any(one is self._model for one in module.modules()):
                raise _unsuited("compiles a module around the model")
        return self._model

    def _give_zeros(self) -> None:
        for parameter in self._model.parameters():
            if parameter.requires_grad and parameter.grad is None:
                zeros = torch.zeros_like(parameter)
                parameter.grad = zeros
                self._zeros[parameter] = (zeros, zeros._version)

    def _take_zeros(self) -> None:
        for parameter, (zeros, version) in self._zeros.items():
            present = parameter.grad
            if present is not None and (present is not zeros or zeros._version != version):
                raise _unsuited("changes gradients by hand between backward() and optimizer.step()")
            parameter.grad = None
        self._zeros = {}


def _is_scaled(loss: torch.Tensor, returned: torch.Tensor, scale: float) -> bool:
    """Whether the loss is the returned one times ``scale`` and nothing else, up to rounding."""
    expected, got = float(returned.detach()) * scale, float(loss.detach())
    if got != got:
        return expected != expected
    rounding = 8 * float(torch.finfo(loss.dtype).eps)
    return abs(expected - got) <= rounding * max(abs(got), 1e-6)


def _unsuited(what: str) -> NotReplayable:
    """Why this loop cannot be replayed."""
    return NotReplayable(
        f"the script's training loop cannot be replayed, because it {what}",
        "use the Python API, qlint.probe(model, batches).",
    )
