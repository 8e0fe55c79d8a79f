"""Where a run computes, and what a step that failed leaves there."""

from __future__ import annotations

import gc

import torch

from .run import Run


def device_of(run: Run) -> torch.device:
    """Where the run's first parameter is."""
    device: torch.device = next(run.model.parameters()).device
    return device


def release(run: Run) -> None:
    """Give back what a step that ran out of memory left behind.

    Call it outside of the handler: the exception's traceback holds the step's tensors.
    """
    for parameter in run.model.parameters():
        parameter.grad = None
    give_back()


def give_back() -> None:
    """Give the device all that nobody holds, cuBLAS' workspaces with it: a step that fails before
    any other leaves them behind, 32 MiB for each thread on a Hopper card."""
    gc.collect()
    if not torch.cuda.is_available():
        return
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    torch.cuda.empty_cache()
