"""Small charts as inline SVG: no script, no fonts, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH = 720
_LEFT = 190
_ROW = 26
COLOURS = ("#3b6fb6", "#d9822b", "#5a9a4a", "#a0529c", "#b8a13a", "#6b7a89")


class Part(NamedTuple):
    """One part of a bar: its name and its share of the whole."""

    name: str
    share: float


class Point(NamedTuple):
    """A point of a curve on a logarithmic axis; ``broken`` marks a run that diverged."""

    at: float
    value: float
    broken: bool = False


def stacked_bar(parts: Sequence[Part]) -> str:
    """Parts of one whole, side by side, with a legend below."""
    shapes, legend, left = [], [], 0.0
    for number, part in enumerate(parts):
        colour = COLOURS[number % len(COLOURS)]
        width = max(0.0, min(part.share, 1 - left / WIDTH)) * WIDTH
        label = f"{part.name} {part.share:.1%}"
        shapes.append(
            f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="34" fill="{colour}">'
            f"<title>{escape(label)}</title></rect>"
        )
        row, column = divmod(number, 3)
        x, y = column * WIDTH / 3, 46 + row * 20
        legend.append(
            f'<rect x="{x:.0f}" y="{y}" width="12" height="12" fill="{colour}"/>'
            f'<text x="{x + 18:.0f}" y="{y + 11}">{escape(label)}</text>'
        )
        left += width
    return _svg(46 + 20 * math.ceil(len(parts) / 3), "".join(shapes + legend))


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Horizontal bars: a name, an amount, and the amount in words."""
    top = max((amount for _, amount, _ in rows), default=0) or 1
    room = WIDTH - _LEFT - 110
    shapes = []
    for number, (name, amount, words) in enumerate(rows):
        y, width = number * _ROW, max(0.0, amount) / top * room
        short = name if len(name) <= 28 else "…" + name[-27:]
        shapes.append(
            f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(short)}'
            f"<title>{escape(name)}</title></text>"
            f'<rect x="{_LEFT}" y="{y + 4}" width="{width:.1f}" height="16" fill="{COLOURS[0]}"/>'
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 16}">{escape(words)}</text>'
        )
    return _svg(len(rows) * _ROW or 1, "".join(shapes))


def curve(points: Sequence[Point], band: float, name: str) -> str:
    """Values over a logarithmic axis, with a band of noise around zero.

    What diverged has no value worth drawing and stands as a cross on the upper edge.
    """
    height, left, right, top, bottom = 240, 70, 20, 14, 34
    finite = [point.value for point in points if not point.broken and math.isfinite(point.value)]
    low, high = min([*finite, -band, 0.0]), max([*finite, band, 0.0])
    span = (high - low) or 1.0
    places = [math.log(point.at) for point in points]
    first, last = min(places), max(places)

    def x(at: float) -> float:
        return left + (math.log(at) - first) / ((last - first) or 1) * (WIDTH - left - right)

    def y(value: float) -> float:
        return top + (high - value) / span * (height - top - bottom)

    shapes = [
        f'<rect x="{left}" y="{y(band):.1f}" width="{WIDTH - left - right}" '
        f'height="{max(1.0, y(-band) - y(band)):.1f}" fill="{COLOURS[5]}" opacity="0.2">'
        "<title>noise (A/A)</title></rect>",
        f'<text x="{left - 8}" y="{y(high) + 4:.1f}" text-anchor="end">{high:+.3g}</text>',
        f'<text x="{left - 8}" y="{y(low) + 4:.1f}" text-anchor="end">{low:+.3g}</text>',
        f'<text x="8" y="{height / 2:.0f}" transform="rotate(-90 14 {height / 2:.0f})" '
        f'text-anchor="middle">{escape(name)}</text>',
    ]
    drawn = [point for point in points if not point.broken and math.isfinite(point.value)]
    line = " ".join(f"{x(point.at):.1f},{y(point.value):.1f}" for point in drawn)
    shapes.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>')
    for point in points:
        label = f'<text x="{x(point.at):.1f}" y="{height - 12}" text-anchor="middle">'
        shapes.append(f"{label}{point.at:.0e}</text>")
        if point in drawn:
            shapes.append(
                f'<circle cx="{x(point.at):.1f}" cy="{y(point.value):.1f}" r="3.5" '
                f'fill="{COLOURS[0]}"><title>{point.value:+.4f}</title></circle>'
            )
        else:
            shapes.append(
                f'<text x="{x(point.at):.1f}" y="{top + 8}" text-anchor="middle" '
                f'fill="#b3261e">✕<title>diverged</title></text>'
            )
    return _svg(height, "".join(shapes))


def _svg(height: int, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg">{content}</svg>'
    )
