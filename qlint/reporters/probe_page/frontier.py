"""The frontier of sequence length against micro-batch: what ran, and where memory ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qlint.reporters import probe_figures as figures
from qlint.reporters.probe_page.elements import sentence
from qlint.reporters.probe_value import Probed
from qlint.reporters.svg import Curve, Dot
from qlint.reporters.svg import frontier as drawn
from qlint.rulebook.wording import gigabytes, size

_ROWS = (1, 2, 4, 8, 16, 32)
_SHORTEST = 16
_CARDS = (8e9, 12e9, 16e9, 24e9, 48e9, 80e9)
_MOST_CARDS = 3
_OUT_OF_MEMORY = "out of memory"
"""Why a shape has no peak that was run."""
_SMALLER = 0.9
"""Of this card's memory: what is nearer to it is the same line."""


class _Tried(NamedTuple):
    """A shape that was run, with its peak; None where it did not fit."""

    rows: int
    length: int
    peak_bytes: int | None

    @property
    def words(self) -> str:
        found = "does not fit" if self.peak_bytes is None else size(self.peak_bytes)
        return f"{self.rows} x {self.length}: {found}"


def frontier(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The chart, or the measured points as a sentence where there is no card to fill."""
    tried = _tried(values)
    if not tried:
        return
    yield "<h3>Sequence length against micro-batch</h3>"
    slope: Any = (values.get("scaling") or {}).get("bytes_per_token")
    capacity = _capacity(values, probed)
    if capacity is None or not slope or slope <= 0:
        told = ", ".join(one.words for one in tried)
        yield f'<p class="how">{sentence(f"without a card there is nothing to fill: {told}")}</p>'
        return
    dots = [Dot(one.rows, one.length, one.words, one.peak_bytes is not None) for one in tried]
    yield drawn(dots, _curves(tried[0], values["peak_bytes"], slope, capacity))
    yield (
        '<p class="how">Dots ran, crosses did not fit. The lines are where a straight line '
        f"through the run's own batch, {size(slope)} a token, reaches that much memory: an "
        "extrapolation.</p>"
    )
    for row in figures.largest_that_fit(values):
        yield f"<p>{sentence(f'{row.name} fit ({row.note})')}</p>"
    for reason in figures.not_fitted(values):
        yield f'<p class="how">{sentence(reason)}</p>'


def _tried(values: Mapping[str, Any]) -> list[_Tried]:
    """Every shape that was run, the run's own first."""
    points = (values.get("scaling") or {}).get("points") or ()
    found = [
        _Tried(one["rows"], one["length"], one.get("peak_bytes"))
        for one in points
        if one.get("skipped") in (None, _OUT_OF_MEMORY)
    ]
    largest = values.get("largest") or {}
    for name, field in (("by_length", "length"), ("by_rows", "rows")):
        one = largest.get(name)
        if one and "rows" in one:
            found.append(_Tried(one["rows"], one["length"], one.get("peak_bytes")))
            if one.get("fails_at") is not None:
                failed = found[-1]._replace(peak_bytes=None)
                found.append(failed._replace(**{field: one["fails_at"]}))
    return list(dict.fromkeys(found))


def _capacity(values: Mapping[str, Any], probed: Probed) -> int | None:
    """What tensors may take of the card; None without one."""
    capacity = (values.get("largest") or {}).get("capacity_bytes")
    gpu = probed.environment.get("gpu")
    if capacity is None and gpu:
        capacity = gpu["total_bytes"]
    return None if capacity is None else int(capacity)


def _curves(own: _Tried, peak: int, slope: float, capacity: int) -> Sequence[Curve]:
    """Lengths at which the memory of the card, and of smaller ones, is full."""
    smaller = [one for one in _CARDS if peak < one < _SMALLER * capacity][-_MOST_CARDS:]
    curves = []
    for room in (capacity, *reversed(smaller)):
        most = own.rows * own.length + (room - peak) / slope
        reached = [(rows, most / rows) for rows in _ROWS if most / rows >= _SHORTEST]
        if len(reached) > 1:
            curves.append(Curve(gigabytes(room), reached))
    return curves
