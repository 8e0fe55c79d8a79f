"""How far a long analysis is, on one line of a terminal that vanishes when it is done."""

from __future__ import annotations

import time
from typing import TextIO

_QUIET_SECONDS = 2.0
"""What is done sooner shows nothing."""
_REDRAWN_SECONDS = 0.1
_START_OF_LINE = "\r\x1b[K"


class ProgressLine:
    """Writes to a terminal; a context that takes its line away in the end."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._drawn = time.monotonic() + _QUIET_SECONDS - _REDRAWN_SECONDS
        self._shown = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._write(_START_OF_LINE)

    def __call__(self, done: int, total: int) -> None:
        """Tell how many of the inputs that may hold a run have been read."""
        now = time.monotonic()
        if now - self._drawn >= _REDRAWN_SECONDS:
            self._drawn = now
            self._shown = True
            self._write(f"{_START_OF_LINE}read {done} of {total} files that may hold a run")

    def _write(self, text: str) -> None:
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except OSError:  # The terminal is gone; the report matters.
            self._shown = False
