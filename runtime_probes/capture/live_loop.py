"""Follows a training loop of any kind: which model trains, and where its steps begin and end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from ..live import Live
from .patches import Patches
from .stop import Stopper


class LiveLoop:
    """A step begins when the model is called to train, and ends with the optimizer's.

    What the script does in between, loading data or evaluating, is no part of a step. The script is
    stopped when enough is measured, or at the step during which the budget of time ran out.
    """

    def __init__(
        self,
        patches: Patches,
        stopper: Stopper,
        steps: int,
        budget_seconds: float | None,
        say: Callable[[float], object],
    ) -> None:
        self.live: Live | None = None
        self.model: torch.nn.Module | None = None
        self._stopper = stopper
        self._steps = steps
        self._say = say
        self._until = None if budget_seconds is None else time.monotonic() + budget_seconds
        self._inside = False
        self._said = False
        self._called: list[torch.nn.Module] = []
        self._patches = patches
        for handle in (
            register_module_forward_pre_hook(self._calling),
            register_optimizer_step_pre_hook(self._updating),
            register_optimizer_step_post_hook(self._updated),
        ):
            patches.later(handle.remove)

    def _calling(self, module: torch.nn.Module, _inputs: Any) -> None:
        """Called ahead of every module's forward."""
        if self._inside or not (module.training and torch.is_grad_enabled()):
            return
        if self.live is None:
            self._called.append(module)
        elif module is self.model:
            self._inside = True
            self.live.begin_step()

    def _updating(self, optimizer: Any, *_: Any) -> None:
        """The first step is given away to find out what is trained."""
        if self._stopper.stopped:
            self._stopper.stop()
        if self.live is None:
            self._begin(optimizer)

    def _updated(self, *_: Any) -> None:
        live = self.live
        if live is None or not self._inside:
            return
        live.count_gradients()  # Only now for sure: a closure makes them within the step.
        live.end_step()
        self._inside = False
        if live.first_seconds is not None and not self._said:
            self._said = True
            self._say(live.first_seconds)
        if self._until is not None and time.monotonic() > self._until:
            live.close()
        if live.done:
            self._stopper.stop()

    def _begin(self, optimizer: Any) -> None:
        """The model is the largest module that was called and holds what the optimizer trains."""
        trained = {id(one) for group in optimizer.param_groups for one in group["params"]}
        found = [
            module
            for module in dict.fromkeys(self._called)
            if any(id(parameter) in trained for parameter in module.parameters())
        ]
        self._called.clear()
        if found:
            self.model = max(found, key=lambda module: sum(1 for _ in module.modules()))
            self.live = Live(self.model, optimizer, self._steps)
            self._patches.later(self.live.close)
