"""What is measured: a whole step, or an evaluation, on given inputs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ..replay.run import Run
from ..replay.window import Window
from ..simulation.trace import Phase

Enter: TypeAlias = Callable[[Phase], None]
Work: TypeAlias = Callable[[Enter], None]
"""What is measured; it says when a phase begins."""


def training(run: Run, window: Window) -> Work:
    """Forward, backward and the optimizer's step of ``window``."""

    def work(enter: Enter) -> None:
        enter("forward")
        run.forward_backward(window)
        enter("optimizer step")
        run.update()

    return work


def evaluation(run: Run, window: Window) -> Work:
    """The forward of ``window`` without gradients."""

    def work(enter: Enter) -> None:
        enter("forward")
        run.evaluate(window)

    return work


def why(error: Exception) -> str:
    """The reason in a report: the error's kind and its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def unmarked(work: Work) -> None:
    """Do ``work`` where nobody asks for its phases."""
    work(lambda _phase: None)


@contextlib.contextmanager
def collected() -> Iterator[None]:
    """Cycles are collected before and not within, so that equal steps free at equal places."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
