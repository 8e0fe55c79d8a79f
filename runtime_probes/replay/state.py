"""The state of a run between trials: what a step changes, saved and put back in place."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch


@dataclass(frozen=True, slots=True)
class Randomness:
    """The state of every generator that a step may draw from."""

    python: Any
    numpy: Any
    cpu: torch.Tensor
    cuda: tuple[torch.Tensor, ...]

    @classmethod
    def now(cls) -> Randomness:
        """The state at this moment."""
        import numpy

        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ()
        return cls(random.getstate(), numpy.random.get_state(), torch.get_rng_state(), tuple(cuda))

    def restore(self) -> None:
        """Draw from here again."""
        import numpy

        random.setstate(self.python)
        numpy.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(list(self.cuda))

    def equals(self, other: Randomness) -> bool:
        """Whether the generators would give the same numbers."""
        return (
            torch.equal(self.cpu, other.cpu)
            and self.python == other.python
            and all(_same(mine, its) for mine, its in zip(self.numpy, other.numpy, strict=True))
            and all(map(torch.equal, self.cuda, other.cuda))
        )


class State:
    """Trainable parameters, buffers, optimizer, scheduler, scaler and randomness at one moment.

    Everything is put back in place: optimizers and wrapped models hold on to their tensors. The
    frozen base is not copied, because nothing changes it. Copies are in the host's memory: on a
    card they would be part of every peak that is measured there.
    """

    def __init__(self, model: torch.nn.Module, optimizer: Any, scheduler: Any, scaler: Any) -> None:
        self._tensors = [
            (tensor, _kept(tensor)) for tensor in (*_trainable(model), *model.buffers())
        ]
        self._model = model
        self._optimizer = optimizer
        self._optimizer_state = _copied_state(optimizer)
        self._groups = [
            {key: copy.copy(value) for key, value in group.items() if key != "params"}
            for group in optimizer.param_groups
        ]
        self._scheduler = scheduler
        self._scheduler_state = copy.deepcopy(scheduler.state_dict()) if scheduler else None
        self._scaler = scaler
        self._scaler_state = copy.deepcopy(scaler.state_dict()) if scaler else None
        self._randomness = Randomness.now()
        self._more: list[Callable[[], None]] = []

    def also(self, restore: Callable[[], None]) -> None:
        """Call ``restore`` as well: for state that belongs to one kind of run."""
        self._more.append(restore)

    def restore(self) -> None:
        """Put everything back, and drop all gradients."""
        with torch.no_grad():
            for tensor, saved in self._tensors:
                tensor.copy_(saved)
        self._restore_optimizer()
        if self._scheduler is not None:
            self._scheduler.load_state_dict(copy.deepcopy(self._scheduler_state))
        if self._scaler is not None:
            self._scaler.load_state_dict(self._scaler_state)
        for group, saved in zip(self._optimizer.param_groups, self._groups, strict=True):
            group.update({key: copy.copy(value) for key, value in saved.items()})
        for parameter in self._model.parameters():
            parameter.grad = None
        for restore in self._more:
            restore()
        self._randomness.restore()

    def _restore_optimizer(self) -> None:
        """In place where a tensor was there before; state made since then is dropped."""
        state = self._optimizer.state
        for parameter in list(state):
            if parameter not in self._optimizer_state:
                del state[parameter]
                continue
            saved = self._optimizer_state[parameter]
            for key in list(state[parameter]):
                if key not in saved:
                    del state[parameter][key]
            for key, value in saved.items():
                present = state[parameter].get(key)
                if not isinstance(value, _Tensor):
                    state[parameter][key] = copy.deepcopy(value)
                elif isinstance(present, torch.Tensor):
                    present.copy_(value.copy)
                else:
                    state[parameter][key] = value.copy.to(value.device, copy=True)


def _same(mine: Any, its: Any) -> bool:
    return bool((mine == its).all()) if hasattr(mine, "all") else bool(mine == its)


def _trainable(model: torch.nn.Module) -> Iterable[torch.Tensor]:
    return (parameter for parameter in model.parameters() if parameter.requires_grad)


class _Tensor(NamedTuple):
    """A tensor of the optimizer's state, and where it was."""

    copy: torch.Tensor
    device: torch.device


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    """A copy, which takes nothing of a card."""
    own = tensor.detach()
    return own.to("cpu", copy=True) if tensor.is_cuda else own.clone()


def _copied_state(optimizer: Any) -> dict[Any, dict[str, Any]]:
    return {
        parameter: {
            key: _Tensor(_kept(value), value.device)
            if isinstance(value, torch.Tensor)
            else copy.deepcopy(value)
            for key, value in entries.items()
        }
        for parameter, entries in optimizer.state.items()
    }
