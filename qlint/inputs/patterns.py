"""Path patterns of the settings, with the rules of ``.gitignore``."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pathspec import GitIgnoreSpec


class Patterns:
    """Patterns that are relative to one folder."""

    def __init__(self, folder: str, patterns: Iterable[str]) -> None:
        self._folder = os.path.realpath(folder)
        self._spec = GitIgnoreSpec.from_lines(patterns)

    def match(self, path: str) -> bool:
        """Tell whether ``path`` matches; one outside the folder does not."""
        # The parent is resolved and the name is not: a link is matched by where it stands.
        parent = os.path.realpath(os.path.dirname(path) or ".")
        relative = os.path.relpath(os.path.join(parent, os.path.basename(path)), self._folder)
        return not relative.startswith("..") and self._spec.match_file(relative)
