"""The section on step time: its parts, and what changes to the run would cost or buy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from qlint.reporters import probe_figures as figures
from qlint.reporters import svg
from qlint.reporters.probe_page.elements import bars, sentence, shares, table
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import percent, size, spread

_HUES = {
    "dequantisation, forward": 1,
    "dequantisation, backward": 2,
    "dequantisation, recompute": 3,
    "adapters": 4,
    "attention": 5,
    "recompute": 6,
    "idle": 8,
}
_GREY = 7
"""The rest: what any training step does."""


def step_time(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The section."""
    parts = figures.step_parts(values)
    bound = figures.launch_bound(values)
    yield f"<p>A step takes {values['step_seconds']:.3g} s{'; ' + bound if bound else ''}.</p>"
    segments, legend = [], []
    for part in parts:
        hue = _HUES.get(part.name, _GREY)
        words = f"{part.name} {percent(part.share)}{spread(part.noise)}"
        segments.append(svg.Segment(words, part.share, hue))
        legend.append(f"<li>{svg.swatch(hue)}{escape(words)}</li>")
    yield f'<div class="whole">{svg.bar(segments, "A step by its parts")}</div>'
    yield f'<ul class="legend">{"".join(legend)}</ul>'
    for name, reason in (values.get("parts_skipped") or {}).items():
        yield f'<p class="how">{sentence(f"{name} is not told apart: {reason}")}</p>'
    yield from _unquantised(values)
    yield from bars("Dequantisation by module", shares(values.get("by_module")))
    yield from bars("What the adapters cost of a step", figures.target_costs(values))
    yield from _bought(values)


def _unquantised(values: Mapping[str, Any]) -> Iterator[str]:
    """The same step with 16-bit weights, to scale."""
    found = values.get("unquantised") or {}
    if found.get("share") is None:
        if found.get("skipped"):
            why = f"with unquantised weights: skipped, {found['skipped']}"
            yield f'<p class="how">{sentence(why)}</p>'
        return
    saved, noise = found["share"], spread(found.get("noise"))
    more = "shorter" if saved >= 0 else "longer"
    words = (
        f"with unquantised weights in {found['layers']} of {found['of']} layers, which take "
        f"{size(found['bytes'])}, a step is {percent(abs(saved))}{noise} {more}"
    )
    yield f'<div class="whole"><p>{sentence(words)}</p>'
    yield f"{svg.bar([svg.Segment(words, 1 - max(0.0, saved), _GREY)], words)}</div>"


def _bought(values: Mapping[str, Any]) -> Iterator[str]:
    """What changes to the run would buy or cost."""
    rows = [
        [
            f"rank {one['rank']} instead of {one['instead_of']}",
            f"{one['seconds'] * 1e3:+.3g} ± {one['noise'] * 1e3:.2g} ms",
            _signed(one["state_bytes"]),
        ]
        for one in values.get("ranks") or ()
    ]
    yield from table(("What another rank costs", "a step", "adapters and state"), rows)
    rows = [
        [
            f"{one['rows']} x {one['length']} tokens",
            str(one["skipped"]) if one.get("skipped") else _speed(one),
        ]
        for one in values.get("micro_batches") or ()
    ]
    yield from table(("What a larger micro-batch buys", "tokens a second"), rows)
    packing = values.get("packing") or {}
    if packing.get("packed"):
        padding = f"as it is, {percent(packing['padding'], 0)} padding"
        rows = [[padding, _speed(packing["as_it_is"])], ["packed", _speed(packing["packed"])]]
        yield from table(("What packing buys", "tokens a second"), rows)
    for key in ("targets", "ranks", "micro_batches", "packing"):
        reason = values.get(f"{key}_skipped")
        if reason:
            name = key.replace("_", "-")
            yield f'<p class="how">{sentence(f"{name}: skipped, {reason}")}</p>'


def _speed(point: Mapping[str, Any]) -> str:
    rate = point["tokens_per_second"]
    return f"{rate:,.0f} ± {rate * point['noise']:,.0f}"


def _signed(amount: float) -> str:
    return f"{'-' if amount < 0 else '+'}{size(abs(amount))}"
