"""Charts as inline SVG: no script, no fonts, no network; colours are the page's CSS variables.

Bars stretch with the page and have no text of their own. Plots have axes, and scroll on a narrow
screen rather than shrink their text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

_CURVES = 3
"""Of the colours that the page defines, ``--hue1`` to ``--hue8``, those that curves take."""
_WIDTH, _HEIGHT = 680, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 18, 44


class Segment(NamedTuple):
    """One part of a bar: its share of the whole, and the number of its colour from 1."""

    name: str
    share: float
    hue: int


class Point(NamedTuple):
    """A value with the range that it lies in; ``broken`` marks a run that diverged."""

    at: float
    value: float
    low: float
    high: float
    broken: bool = False


class Dot(NamedTuple):
    """A measured size; ``fits`` is False where the memory was not enough."""

    x: float
    y: float
    words: str
    fits: bool


class Curve(NamedTuple):
    """Points joined by a line, with its name at the end."""

    name: str
    points: Sequence[tuple[float, float]]


def bar(segments: Sequence[Segment], words: str) -> str:
    """Parts of one whole, side by side; ``words`` say the same to who cannot see it."""
    shapes, left = [], 0.0
    for part in segments:
        width = max(0.0, min(part.share, 1 - left)) * 100
        shapes.append(
            f'<rect x="{left * 100:.2f}" y="0" width="{width:.2f}" height="10" '
            f'fill="var(--hue{part.hue})"><title>{escape(part.name)}</title></rect>'
        )
        left += width / 100
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(words)}"><rect class="track" width="100" height="10"/>'
        f"{''.join(shapes)}</svg>"
    )


def swatch(hue: int) -> str:
    """The colour of a part, in a legend."""
    return (
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect width="10" height="10" fill="var(--hue{hue})"/></svg>'
    )


def rates(
    points: Sequence[Point],
    band: float,
    own: float | None,
    safe: Sequence[float] | None,
    edge: Sequence[float] | None,
    tick: Callable[[float], str],
) -> str:
    """Values over rates, with their ranges, the band of noise, and where the run breaks.

    What diverged has no value worth drawing and stands as a cross on the upper edge.
    """
    held = [point for point in points if not point.broken]
    low = min([0.0, -band, *(point.low for point in held)])
    high = max([0.0, band, *(point.high for point in held)])
    margin = 0.08 * ((high - low) or 1.0)
    low, high = low - margin, high + margin
    x = _logarithmic([point.at for point in points], _LEFT + 24, _WIDTH - _RIGHT - 24)
    y = _linear(low, high, _HEIGHT - _BOTTOM, _TOP)
    shapes = [_box(_LEFT, y(band), _WIDTH - _RIGHT, y(-band), "noise", "noise (A/A)")]
    if edge is not None:
        shapes.append(_box(x(edge[0]), _TOP, x(edge[1]), y(low), "breaks", "it breaks in here"))
        shapes.append(_text((x(edge[0]) + x(edge[1])) / 2, _TOP - 5, "breaks in here"))
    if safe is not None and safe[0] < safe[1]:
        shapes.append(_box(x(safe[0]), y(low) - 5, x(safe[1]), y(low), "held", "held"))
    if own is not None:
        shapes.append(_line(x(own), _TOP, x(own), y(low), "own"))
        # On the side away from where it breaks, whose label stands on the same line.
        right = edge is not None and own > edge[0]
        label = (x(own) + 5, "start") if right else (x(own) - 5, "end")
        shapes.append(_text(label[0], _TOP - 5, "the run's own", label[1]))
    shapes += _grid(low, high, y)
    shapes.append(_polyline([(x(point.at), y(point.value)) for point in held]))
    for point in points:
        shapes.append(_text(x(point.at), _HEIGHT - 24, tick(point.at)))
        if point.broken:
            shapes.append(_text(x(point.at), _TOP + 12, "✕", extra=' class="bad"'))
            continue
        shapes.append(_line(x(point.at), y(point.low), x(point.at), y(point.high), "range"))
        shapes.append(_dot(x(point.at), y(point.value), f"{point.value:+.4g}"))
    shapes.append(_text(_WIDTH / 2, _HEIGHT - 6, "learning rate"))
    return _plot(shapes, "Held-out loss of each learning rate, less that of the lowest one")


def steps(curve: Sequence[Sequence[float]], low: float, high: float, words: str) -> str:
    """A difference at each step, the mean within its lowest and highest; cut at ``high``."""
    width, height, edge = 200, 96, 6
    y = _linear(low, high, height - edge, edge)
    last = max(1, len(curve) - 1)
    places = [edge + number / last * (width - 2 * edge) for number in range(len(curve))]
    kept = [[y(min(max(value, low), high)) for value in point] for point in curve]
    above = [f"{at:.1f},{point[2]:.1f}" for at, point in zip(places, kept, strict=True)]
    below = [f"{at:.1f},{point[0]:.1f}" for at, point in zip(places, kept, strict=True)]
    middle = [(at, point[1]) for at, point in zip(places, kept, strict=True)]
    return (
        f'<svg class="steps" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(words)}">'
        f'<polygon class="spread" points="{" ".join(above + below[::-1])}"/>'
        f"{_line(edge, y(0), width - edge, y(0), 'zero')}{_polyline(middle)}</svg>"
    )


def frontier(dots: Sequence[Dot], curves: Sequence[Curve]) -> str:
    """Sequence length over micro-batch, both logarithmic: what ran, and how far memory goes."""
    xs = [dot.x for dot in dots] + [x for curve in curves for x, _ in curve.points]
    ys = [dot.y for dot in dots] + [y for curve in curves for _, y in curve.points]
    x = _logarithmic(xs, _LEFT + 10, _WIDTH - _RIGHT - 90)
    y = _logarithmic(ys, _HEIGHT - _BOTTOM - 8, _TOP + 8)
    shapes = []
    for value in _doublings(xs):
        shapes.append(_line(x(value), _TOP, x(value), _HEIGHT - _BOTTOM, "grid"))
        shapes.append(_text(x(value), _HEIGHT - 24, f"{value:g}"))
    for value in _doublings(ys):
        shapes.append(_line(_LEFT, y(value), _WIDTH - _RIGHT - 80, y(value), "grid"))
        shapes.append(_text(_LEFT - 8, y(value) + 4, f"{value:g}", "end"))
    for number, curve in enumerate(curves):
        hue = number % _CURVES + 1
        shapes.append(_polyline([(x(at), y(value)) for at, value in curve.points], hue))
        at, value = curve.points[-1]
        shapes.append(_text(x(at) + 8, y(value) + 4, curve.name, "start"))
    for dot in dots:
        if dot.fits:
            shapes.append(_dot(x(dot.x), y(dot.y), dot.words))
        else:
            mark = f"<title>{escape(dot.words)}</title>"
            shapes.append(_text(x(dot.x), y(dot.y) + 5, "✕", extra=' class="bad"', inside=mark))
    shapes.append(_text(_LEFT, _TOP - 5, "tokens in a row", "start"))
    shapes.append(_text(_WIDTH / 2, _HEIGHT - 6, "rows in a micro-batch"))
    return _plot(shapes, "Sequence length over micro-batch: what fits")


def _linear(low: float, high: float, bottom: float, top: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: bottom + (value - low) / span * (top - bottom)


def _logarithmic(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = math.log(min(values)), math.log(max(values))
    if low == high:
        return lambda _: (start + end) / 2
    return lambda value: start + (math.log(value) - low) / (high - low) * (end - start)


def _doublings(values: Sequence[float]) -> list[float]:
    """Powers of two within the values; where there are few, the values."""
    low, high = math.ceil(math.log2(min(values))), math.floor(math.log2(max(values)))
    powers = [2.0**power for power in range(low, high + 1)]
    return powers if len(powers) > 1 else sorted(set(values))


def _grid(low: float, high: float, y: Callable[[float], float]) -> list[str]:
    """Some round numbers of the axis, with their lines."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * part for part in (1, 2, 5, 10) if size * part >= rough)
    shapes = []
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        value = number * step
        name = "zero" if number == 0 else "grid"
        shapes.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), name))
        words = f"{value:+.3g}" if number else "0"
        shapes.append(_text(_LEFT - 8, y(value) + 4, words, "end"))
    return shapes


def _box(left: float, top: float, right: float, bottom: float, name: str, words: str) -> str:
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{top:.1f}" width="{max(1.0, right - left):.1f}" '
        f'height="{max(1.0, bottom - top):.1f}"><title>{escape(words)}</title></rect>'
    )


def _line(left: float, top: float, right: float, bottom: float, name: str) -> str:
    return (
        f'<line class="{name}" x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}"/>'
    )


def _polyline(points: Sequence[tuple[float, float]], hue: int = 1) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line" stroke="var(--hue{hue})" points="{places}"/>'


def _dot(x: float, y: float, words: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(words)}</title></circle>'


def _text(
    x: float, y: float, words: str, anchor: str = "middle", extra: str = "", inside: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{inside}'
        f"{escape(words)}</text>"
    )


def _plot(shapes: Sequence[str], words: str) -> str:
    return (
        f'<div class="plot"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(words)}">{"".join(shapes)}</svg></div>'
    )
