"""What is being followed already while one input starts another."""

from __future__ import annotations

import os

_DEEPEST = 5
"""Inputs that start inputs that start inputs."""
_MOST_COMMANDS = 500
"""Commands that are followed from one input, those of the inputs that it starts included."""


class Around:
    """The inputs around the one that is read, and how many more commands are followed."""

    def __init__(self, paths: tuple[str, ...] = (), left: list[int] | None = None) -> None:
        self._paths = paths
        self._left = [_MOST_COMMANDS] if left is None else left

    def inside(self, path: str) -> Around:
        """The same with one input more."""
        return Around((*self._paths, os.path.abspath(path)), self._left)

    def times(self, path: str) -> int:
        """How often an input is being followed."""
        return self._paths.count(path)

    @property
    def too_deep(self) -> bool:
        """Whether nothing is followed from here."""
        return len(self._paths) > _DEEPEST

    def spend(self) -> bool:
        """Whether one more command is followed."""
        self._left[0] -= 1
        return self._left[0] >= 0
