"""The format ``html`` of ``probe``: one page that stands alone, with charts as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from qlint import __version__
from qlint.reporters import probe_figures as figures
from qlint.reporters import rate_figures
from qlint.reporters.probe_page.adapters import adapters
from qlint.reporters.probe_page.elements import sentence
from qlint.reporters.probe_page.learning_rate import learning_rate
from qlint.reporters.probe_page.memory import memory
from qlint.reporters.probe_page.step_time import step_time
from qlint.reporters.probe_page.style import STYLE
from qlint.reporters.probe_text import probe
from qlint.reporters.probe_value import Probed
from qlint.reporters.sinks import render
from qlint.rulebook.wording import percent, scientific, size, spread


def page(probed: Probed) -> str:
    """The whole page."""
    body = "\n".join(_body(probed))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>qlint probe: {escape(probed.name)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _body(probed: Probed) -> Iterator[str]:
    yield from _header(probed)
    yield "<main>"
    yield from _verdicts(probed)
    for key, title, show in _SECTIONS:
        yield f"<section>\n<h2>{title}</h2>"
        values = probed.probes.get(key)
        reason = figures.skipped(values)
        if values is None or reason is not None:
            yield f'<p class="skipped">Skipped: {escape(str(reason))}.</p>'
        else:
            yield from show(values, probed)
            quality = figures.quality(values)
            if quality:
                yield f'<p class="how">{sentence("; ".join(quality))}</p>'
        yield "</section>"
    text = render(probe(probed), color=False)
    yield f"<details><summary>The same as text</summary>\n<pre>{escape(text)}</pre></details>"
    yield "</main>"
    yield f"<footer>Measured by qlint {escape(__version__)}. Nothing here is fetched.</footer>"


def _header(probed: Probed) -> Iterator[str]:
    environment = probed.environment
    yield f"<header>\n<h1>{escape(probed.name)}</h1>"
    yield (
        f'<p class="where">{probed.steps} steps recorded, on '
        f"{escape(figures.device(environment))}</p>"
    )
    yield f'<p class="how">{escape(figures.versions(environment))}</p>'
    yield f'<p class="how">{sentence(figures.circumstances(environment))}</p>'
    if probed.interrupted:
        yield '<p class="doubt">Interrupted: what follows is incomplete.</p>'
    for doubt in figures.doubts(environment):
        yield f'<p class="doubt">Doubtful: {escape(doubt)}.</p>'
    tiles = list(_tiles(probed))
    if tiles:
        yield '<dl class="tiles">'
        for name, value, below in tiles:
            yield (
                f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
                f"<dd class='below'>{escape(below)}</dd></div>"
            )
        yield "</dl>"
    yield "</header>"


def _tiles(probed: Probed) -> Iterator[tuple[str, str, str]]:
    """The figures that a reader looks for first, of what was measured."""
    probes = {
        key: values for key, values in probed.probes.items() if figures.skipped(values) is None
    }
    if "dequant" in probes:
        values = probes["dequant"]
        noise = spread(values.get("noise")).strip()
        below = f"{noise} from step to step" if noise else ""
        yield "A step", f"{values['step_seconds']:.3g} s", figures.launch_bound(values) or below
        yield "Dequantisation", percent(values["share"]["total"]), "of the step's time"
    if "activations" in probes:
        values = probes["activations"]
        yield "Peak memory", size(values["peak_bytes"]), figures.place_of_peak(values).strip()
    if "learning_rate" in probes:
        values = probes["learning_rate"]
        edge = values.get("edge")
        shown = f"from {scientific(edge)}" if edge is not None else "nowhere"
        yield "It breaks", shown, rate_figures.own_rate(values) or "of the rates that were tried"


def _verdicts(probed: Probed) -> Iterator[str]:
    rows = figures.judged(probed)
    if not rows:
        return
    yield '<section>\n<h2>Verdicts</h2>\n<ul class="verdicts">'
    for one in rows:
        title = f" <b>{escape(one.title)}</b>" if one.title else ""
        yield (
            f'<li class="{one.outcome}"><p><span class="outcome">{one.outcome}</span> '
            f"<code>{escape(one.code)}</code>{title}</p><p>{sentence(one.why)}</p>"
        )
        if one.fix is not None:
            yield f'<p class="fix">Fix: {escape(one.fix)}</p>'
        yield "</li>"
    yield "</ul>"
    more = figures.unjudged(probed)
    if more:
        noun = "finding" if more == 1 else "findings"
        yield f'<p class="how">{more} more {noun} that no probe decides: qlint check.</p>'
    yield "</section>"


_Show = Callable[[Mapping[str, Any], Probed], Iterator[str]]
_SECTIONS: tuple[tuple[str, str, _Show], ...] = (
    ("dequant", "Step time", step_time),
    ("activations", "Memory", memory),
    ("learning_rate", "Learning rate", learning_rate),
    ("adapters", "Adapters and optimizer state", adapters),
)
