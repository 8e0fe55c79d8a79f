"""Which paths the settings leave out of a folder."""

from __future__ import annotations

import os

from qlint.settings.in_force import DEFAULT_EXCLUDE, Settings


class Exclusion:
    """The settings ``exclude`` and ``extend-exclude``."""

    def __init__(self, settings: Settings) -> None:
        patterns = settings.extend_exclude
        self._names: frozenset[str] = frozenset()
        if settings.exclude == DEFAULT_EXCLUDE:
            # The defaults are bare names: a set finds them without importing a pattern library.
            self._names = frozenset(DEFAULT_EXCLUDE)
        else:
            patterns = settings.exclude + patterns
        self._patterns = None
        if patterns:
            from qlint.inputs.patterns import Patterns

            self._patterns = Patterns(settings.folder, patterns)

    def match(self, path: str, start: str = ".") -> bool:
        """Tell whether ``path``, found below the folder ``start``, is left out.

        The default names count below ``start`` only, so that ``/home/me/build/project`` can be
        linted; patterns count from the folder of the settings file.
        """
        if self._names:
            below = path if start == "." else os.path.relpath(path, start)
            if not self._names.isdisjoint(below.split(os.sep)):
                return True
        return self._patterns is not None and self._patterns.match(path)
