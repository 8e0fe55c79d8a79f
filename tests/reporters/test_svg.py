"""Charts stay within their frame, whatever they are given."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from qlint.reporters import svg

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
RATES = st.floats(1e-9, 1e3)


def drawn(text: str) -> ElementTree.Element:
    """The chart as a tree; every place in it lies within its view."""
    root = ElementTree.fromstring(text)
    chart = next(one for one in root.iter() if one.tag == "svg")
    _, _, width, height = map(float, chart.attrib["viewBox"].split())
    for shape in chart.iter():
        for axis, end in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert -1 <= float(shape.get(axis, 0)) <= end + 1
        assert float(shape.get("x", 0)) + float(shape.get("width", 0)) <= width + 1
        assert float(shape.get("y", 0)) + float(shape.get("height", 0)) <= height + 1
        for place in shape.get("points", "").split():
            x, y = map(float, place.split(","))
            assert -1 <= x <= width + 1
            assert -1 <= y <= height + 1
    assert not re.search(r"nan|inf\b", text)
    return chart


@given(st.lists(st.floats(0, 1), max_size=9))
def test_parts_fill_a_bar_and_no_more(shares: list[float]) -> None:
    chart = drawn(svg.bar([svg.Segment("part", share, 1) for share in shares], "parts"))
    widths = [float(one.attrib["width"]) for one in chart.findall("rect")[1:]]
    assert abs(sum(widths) - 100 * min(1.0, sum(shares))) < 0.1


@st.composite
def points(draw: st.DrawFn) -> svg.Point:
    low, value, high = sorted(draw(st.tuples(FINITE, FINITE, FINITE)))
    return svg.Point(draw(RATES), value, low, high, draw(st.booleans()))


@given(st.lists(points(), min_size=1, max_size=9), st.floats(0, 1e6), st.booleans())
def test_rates_are_drawn_within_the_frame(
    tried: list[svg.Point], band: float, own_is_last: bool
) -> None:
    tried = sorted(tried)
    own = tried[-1 if own_is_last else 0].at
    edge = (tried[0].at, tried[-1].at)
    chart = drawn(svg.rates(tried, band, own, edge, edge, "{:.0e}".format))
    crosses = [one for one in chart.findall("text") if one.text == "✕"]
    assert len(crosses) == sum(point.broken for point in tried)
    assert len(chart.findall("circle")) == len(tried) - len(crosses)


@given(st.lists(st.tuples(FINITE, FINITE, FINITE), min_size=1, max_size=60), FINITE, FINITE)
def test_steps_are_cut_at_their_range(
    curve: list[tuple[float, float, float]], one: float, other: float
) -> None:
    low, high = min(one, other, 0.0), max(one, other, 1e-9)
    drawn(svg.steps([sorted(point) for point in curve], low, high, "words"))


SIZES = st.integers(1, 1 << 20)


@given(
    st.lists(st.tuples(SIZES, SIZES, st.booleans()), min_size=1, max_size=8),
    st.lists(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=6), max_size=4),
)
def test_a_frontier_is_drawn_within_the_frame(
    dots: list[tuple[int, int, bool]], curves: list[list[tuple[int, int]]]
) -> None:
    chart = drawn(
        svg.frontier(
            [svg.Dot(x, y, "words", fits) for x, y, fits in dots],
            [svg.Curve("24.0 GB", curve) for curve in curves],
        )
    )
    assert len(chart.findall("circle")) == sum(fits for _, _, fits in dots)
