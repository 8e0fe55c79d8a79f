"""Stops a script that trains in a way that no capture sees, before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .patches import Patches
from .stop import NotReplayable, Stopper


def refuse(patches: Patches, stopper: Stopper) -> Callable[[], None]:
    """An optimizer that steps with gradients of its own ends the script with one sentence.

    A captured run has none while it is recorded. To be installed after the captures; returns what
    calls it off, once a run is captured and may step.
    """
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    def stop(optimizer: Any, *_: Any) -> None:
        parameters = (one for group in optimizer.param_groups for one in group["params"])
        if all(parameter.grad is None for parameter in parameters):
            return
        stopper.stop(
            NotReplayable(
                f"the script steps {type(optimizer).__name__} in a loop that cannot be captured, "
                "since no transformers model returns its loss",
                "measure it with `with qlint.probe(model, batches, optimizer=optimizer) as probe:` "
                "just before the loop.",
            )
        )

    def stay_stopped() -> None:
        """A script that swallows being stopped goes on to train no more than before."""
        again = register_optimizer_step_pre_hook(lambda *_: stopper.stop())
        patches.later(again.remove)

    handle = register_optimizer_step_pre_hook(stop)
    patches.later(handle.remove)
    stopper.when_stopped(stay_stopped)
    call_off: Callable[[], None] = handle.remove
    return call_off
