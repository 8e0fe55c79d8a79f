"""The frontier of sequence length against micro-batch: what ran, and where memory ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qlint.reporters.probe_value import Probed
from qlint.reporters.svg import Curve, Dot
from qlint.reporters.svg import frontier as drawn
from qlint.rulebook.wording import gigabytes, size

_ROWS = (1, 2, 4, 8, 16, 32)
_SHORTEST = 16
_CARDS = (8e9, 12e9, 16e9, 24e9, 48e9, 80e9, 141e9)
_MOST_CARDS = 3


def frontier(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The chart, or the measured points as sentences where there is no card to fill."""
    scaling = values.get("scaling") or {}
    points: Sequence[Mapping[str, Any]] = scaling.get("points") or ()
    slope: Any = scaling.get("bytes_per_token")
    if not points:
        return
    yield "<h3>Sequence length against micro-batch</h3>"
    gpu: Any = probed.environment.get("gpu")
    known = gpu is not None and slope is not None and slope > 0
    curves = _curves(values["peak_bytes"], points, slope, gpu["total_bytes"]) if known else []
    if curves:
        yield drawn([_dot(point) for point in points], curves)
        yield (
            '<p class="how">Dots were run. The lines are where a straight line through them, '
            f"{size(slope)} a token, reaches that much memory: an extrapolation.</p>"
        )
        return
    told = ", ".join(f"{point['rows']} x {point['length']}: {_words(point)}" for point in points)
    yield f'<p class="how">Without a card there is nothing to fill. Measured: {told}.</p>'


def _curves(
    peak: int, points: Sequence[Mapping[str, Any]], slope: float, card_bytes: int
) -> list[Curve]:
    """Lengths at which the memory of the card, and of smaller ones, is full."""
    tokens = points[0]["rows"] * points[0]["length"]
    smaller = [one for one in _CARDS if peak < one < 0.9 * card_bytes][-_MOST_CARDS:]
    curves = []
    for room in (card_bytes, *reversed(smaller)):
        most = tokens + (room - peak) / slope
        reached = [(rows, most / rows) for rows in _ROWS if most / rows >= _SHORTEST]
        if len(reached) > 1:
            curves.append(Curve(gigabytes(room), reached))
    return curves


def _dot(point: Mapping[str, Any]) -> Dot:
    words = f"{point['rows']} x {point['length']}: {_words(point)}"
    return Dot(point["rows"], point["length"], words, point.get("peak_bytes") is not None)


def _words(point: Mapping[str, Any]) -> str:
    peak = point.get("peak_bytes")
    return "does not fit" if peak is None else size(peak)
