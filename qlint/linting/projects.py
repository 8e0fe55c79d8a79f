"""Runs, not files: what a launcher starts is one run with it, and is reported once.

A script or a configuration that a run of another input was read from says nothing by itself: how
it is started decides. Its own reading, as if it were started alone, is left out with its findings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlint.linting.analysis import Analysis


def started_by_others(analyses: Sequence[Analysis], root: str) -> set[int]:
    """The positions of the inputs that runs of other inputs were read from.

    What nothing starts comes first. Of inputs that start each other the first by name stays, and
    so does what only a reading that is left out names.
    """
    own = [_real(analysis.reading.path, root) for analysis in analyses]
    led_through = _led_through(analyses, root)
    parts = [_parts(analysis, root) - {path} for analysis, path in zip(analyses, own, strict=True)]
    named = set().union(*parts)
    started: set[str] = set()
    for number in sorted(range(len(own)), key=lambda number: (own[number] in named, own[number])):
        if own[number] not in started:
            started |= parts[number]
    return {
        number
        for number, analysis in enumerate(analyses)
        if analysis.reading.recipes
        and (own[number] in started or _is_way(analysis, own[number], led_through, root))
    }


_Ways = dict[tuple[str, int], set[str]]
"""For each place that trains in a run that another input starts: the files its values went by."""


def _led_through(analyses: Sequence[Analysis], root: str) -> _Ways:
    ways: _Ways = {}
    for analysis in analyses:
        for recipe in analysis.reading.recipes:
            if recipe.trains_at is None:
                continue
            paths = {one.path for field in recipe.fields.values() for one in field.origin}
            place = _real(recipe.trains_at.path, root), recipe.trains_at.line
            ways.setdefault(place, set()).update(_real(path, root) for path in paths if path)
    return ways


def _is_way(analysis: Analysis, own: str, ways: _Ways, root: str) -> bool:
    """Whether a module's runs are those of other inputs, whose values went through it."""
    return all(
        recipe.trains_at is None
        and own in ways.get((_real(recipe.source.path, root), recipe.source.line), ())
        for recipe in analysis.reading.recipes
    )


def _parts(analysis: Analysis, root: str) -> set[str]:
    """The files that the runs of an input were read from."""
    return {_real(path, root) for recipe in analysis.reading.recipes for path in recipe.inputs}


def _real(shown: str, root: str) -> str:
    """The file that a path of a report means."""
    for path in (shown, os.path.join(root, shown)):
        if os.path.exists(path):
            return os.path.realpath(path)
    return os.path.abspath(shown)
