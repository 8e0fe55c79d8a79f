"""The line that says how far a long analysis is."""

from __future__ import annotations

import io
import time

import pytest

from qlint.reporters.progress import ProgressLine


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_what_is_soon_done_shows_nothing(clock: Clock) -> None:
    terminal = io.StringIO()
    with ProgressLine(terminal) as progress:
        for done in range(50):
            clock.now += 0.03
            progress(done, 50)
    assert terminal.getvalue() == ""


def test_what_takes_long_shows_how_far_it_is_and_takes_the_line_away(clock: Clock) -> None:
    terminal = io.StringIO()
    with ProgressLine(terminal) as progress:
        for done in (1, 2, 3):
            clock.now += 1.5
            progress(done, 9)
        clock.now += 0.01
        progress(4, 9)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines == [
        "",
        "read 2 of 9 files that may hold a run",
        "read 3 of 9 files that may hold a run",
        "",
    ]
