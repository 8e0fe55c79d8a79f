"""Run the analysis of many inputs in several processes, and survive one that dies."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from qlint.linting.garbage import collect_rarely

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_in_pool(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    processes: int,
    crashed: Callable[[Task], Result],
) -> Iterator[Result]:
    """Yield the result of ``work`` for each task, in order; ``crashed`` stands in for a lost one.

    A dying process takes the whole pool with it. Whatever the pool still owed is then done again
    with a pool for each task, so that only the culprit is lost.
    """
    with ProcessPoolExecutor(processes, initializer=_prepare) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            yield _result(future) or _run_alone(work, task, crashed)


def _result(future: Future[Result]) -> Result | None:
    """Return what a task gave, or None when its pool broke first."""
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _run_alone(
    work: Callable[[Task], Result], task: Task, crashed: Callable[[Task], Result]
) -> Result:
    with ProcessPoolExecutor(1, initializer=_prepare) as pool:
        try:
            return pool.submit(work, task).result()
        except BrokenProcessPool:
            return crashed(task)


def _prepare() -> None:
    """Ctrl-C reaches all processes; only the parent should speak."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_rarely()
