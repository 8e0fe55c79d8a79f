"""What the optimizer keeps for the trained parameters, and what a step of it needs for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bitsandbytes.optim
import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from qlint.errors import UsageError
from qlint.memory.optimizer import OptimizerKind, optimizer_kind

_EIGHT_BIT = {"adam": "AdamW8bit", "lion": "Lion8bit", "rmsprop": "RMSprop8bit"}
_MOMENTS = {"adam": 2, "lion": 1, "rmsprop": 1, "adagrad": 1, "sgd": 0}


@dataclass(frozen=True, slots=True)
class State:
    """The state tensors of one parameter. ``paged`` ones live in managed memory."""

    resident: Sequence[Any]
    paged: Sequence[Any]


def states(optim: str, parameters: Sequence[Any]) -> list[State]:
    """The state of each parameter after the first step. Call it under a fake mode.

    Raises:
        UsageError: The optimizer is not one that can be simulated.
    """
    kind = optimizer_kind(optim)
    if kind is None or (kind.family not in _MOMENTS and kind.family != "adafactor"):
        raise UsageError(f"The optimizer {optim!r} cannot be simulated.")
    if kind.family == "adafactor":
        return [State(_factored(parameter), ()) for parameter in parameters]
    if kind.bits == 8:
        return _eight_bit(kind, parameters)
    return [_plain(optim, kind, parameter) for parameter in parameters]


def step_scratch(optim: str, parameters: Sequence[Any]) -> dict[int | None, int]:
    """Bytes that one optimizer step holds for a moment, all at once, by number of the parameter.

    None stands for no parameter in particular.

    torch's default on CUDA works on all parameters together and takes the root of all second
    moments into new tensors (``_multi_tensor_adam`` in torch/optim/adam.py); the fused kernels and
    bitsandbytes' work in place. Adafactor goes parameter by parameter, with the squared gradient
    and the update beside each other in float32, and of what is in 16 bits the parameter and its
    gradient too (transformers/optimization.py).
    """
    kind = optimizer_kind(optim)
    sizes: dict[int | None, int] = {
        number: parameter.numel() * parameter.element_size()
        for number, parameter in enumerate(parameters)
    }
    if kind is None or not sizes:
        return {}
    if kind.family == "adafactor":
        wide = [
            4 * parameter.numel() * (2 if parameter.element_size() == 4 else 4)
            for parameter in parameters
        ]
        return {None: max(wide)}
    copies = _TOGETHER.get(optim, 0)
    return {number: copies * size for number, size in sizes.items()} if copies else {}


_TOGETHER = {
    "adamw_torch": 1,
    "torch.optim.AdamW": 1,
    "torch.optim.Adam": 1,
    "rmsprop": 1,
    # The root of the sums and the scaled gradients (torch/optim/adagrad.py).
    "adagrad": 2,
}


def _plain(optim: str, kind: OptimizerKind, parameter: Any) -> State:
    # torch's moments have the parameter's dtype, bitsandbytes' are float32.
    dtype = parameter.dtype if kind.follows_parameters else torch.float32
    moments = [torch.zeros_like(parameter, dtype=dtype) for _ in range(_MOMENTS[kind.family])]
    if kind.paged and parameter.numel() >= _LEAST_PAGED:
        return State((), moments)
    if optim == "adamw_torch_fused":
        # Its step counter lies on the card, unlike that of the other forms.
        moments.append(torch.zeros(()))
    return State(moments, ())


_LEAST_PAGED = 100_000
"""Smaller states are not paged (``get_state_buffer`` in bitsandbytes/optim/optimizer.py)."""


def _eight_bit(kind: OptimizerKind, parameters: Sequence[Any]) -> list[State]:
    name = _EIGHT_BIT.get(kind.family)
    if name is None:
        raise UsageError(f"An 8-bit {kind.family} cannot be simulated.")
    with unset_fake_temporarily():
        # Its tables are computed from real numbers.
        optimizer = getattr(bitsandbytes.optim, name)([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    optimizer.name2qmap = {table: torch.empty(256) for table in ("dynamic", "udynamic")}
    group = optimizer.param_groups[0]
    result = []
    shared: set[int] = set()
    for parameter in parameters:
        optimizer.init_state(group, parameter, 0, 0)
        pages: list[Any] = []
        rest: list[Any] = []
        for key, tensor in optimizer.state[parameter].items():
            if isinstance(tensor, torch.Tensor) and id(tensor) not in shared:
                moment = key in ("state1", "state2")
                paged = kind.paged and moment and parameter.numel() >= _LEAST_PAGED
                (pages if paged else rest).append(tensor)
                shared.add(id(tensor))
        result.append(State(rest, pages))
    return result


def _factored(parameter: Any) -> list[Any]:
    if parameter.dim() < 2:
        return [torch.zeros_like(parameter, dtype=torch.float32)]
    rows, columns = parameter.shape[:-1], (*parameter.shape[:-2], parameter.shape[-1])
    return [torch.zeros(rows), torch.zeros(columns)]
