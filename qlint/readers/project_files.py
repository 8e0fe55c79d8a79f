"""The files around an input, within the project's root: nothing else is ever read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from qlint.readers.places import WrittenFile

_HOSTED = ("/content/", "/kaggle/working/", "/workspace/", "/home/jovyan/")


def without_home(path: str) -> str:
    """A path as seen from the folder in which hosted notebooks start, if it lies there."""
    for home in _HOSTED:
        if path == home[:-1]:
            return "."
        if path.startswith(home):
            return path[len(home) :]
    return path


class ProjectFiles:
    """Finds and reads what an input names, on disk or written before it starts.

    ``written`` are files that are on no disk yet: what starts the input writes them. ``started_in``
    is the folder in which it is started, if that is not its own.
    """

    def __init__(
        self,
        path: str,
        root: str,
        display: Callable[[str], str] = lambda path: path,
        written: Mapping[str, WrittenFile] | None = None,
        started_in: str | None = None,
    ) -> None:
        self.folder = os.path.dirname(os.path.abspath(path))
        self.home = self.folder
        """Where the input lies: what hosted notebooks call /content. ``folder`` may change."""
        self.root = os.path.abspath(root)
        if not self.inside(self.folder):
            self.root = self.folder
        self.written = dict(written or {})
        self.started_in = started_in
        self.display = display

    def above(self) -> list[str]:
        """The folders above the script's, up to the root of the project: it is started in one."""
        found = []
        folder = self.folder
        while folder != self.root and self.inside(os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            found.append(folder)
        return found

    def inside(self, path: str) -> bool:
        """Whether a path lies in the project; nothing else is read."""
        return path == self.root or path.startswith(self.root.rstrip(os.sep) + os.sep)

    def local(self, text: str) -> str:
        """The absolute path that a name means in the folder where the script runs."""
        within = without_home(text)
        base = self.folder if within == text else self.home
        return os.path.normpath(os.path.join(base, within))

    def is_file(self, path: str) -> bool:
        """Whether a path is a file, on disk or written before."""
        return path in self.written or os.path.isfile(path)

    def read_bytes(self, path: str, limit: int) -> bytes | None:
        """The contents of a regular file of at most ``limit`` bytes, else None."""
        if path in self.written:
            data = self.written[path].data
            return data if len(data) <= limit else None
        try:
            if not os.path.isfile(path) or os.path.getsize(path) > limit:
                return None
            with open(path, "rb") as stream:
                return stream.read(limit)
        except OSError:
            return None

    def resolve(self, text: str) -> str | None:
        """The path of a file that the script names, if it is there and inside the project."""
        text = without_home(text)
        started = [self.started_in] if self.started_in else []
        bases = [""] if os.path.isabs(text) else [*started, self.folder, *self.above()]
        for base in bases:
            path = os.path.normpath(os.path.join(base, text))
            if self.inside(path) and self.is_file(path):
                return path
        return None
