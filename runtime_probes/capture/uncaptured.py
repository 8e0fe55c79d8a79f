"""Stops a script that trains in a way that is not captured, before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qlint.errors import UsageError

from .patches import Patches
from .stop import StopScript


def refuse(patches: Patches) -> Callable[[], None]:
    """An optimizer that steps before a run was captured ends the script with one sentence.

    Returns what calls it off, once a run is captured and may step.
    """
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    def stop(optimizer: Any, *_: Any) -> None:
        raise StopScript from UsageError(
            f"the script steps {type(optimizer).__name__} in a loop that cannot be captured: "
            "measure it with `with qlint.probe(model, batches, optimizer=optimizer) as probe:` "
            "just before the loop."
        )

    handle = register_optimizer_step_pre_hook(stop)
    patches.later(handle.remove)
    call_off: Callable[[], None] = handle.remove
    return call_off
