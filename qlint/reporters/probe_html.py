"""The format ``html`` of ``probe``: one page that stands alone, with charts as inline SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from qlint import __version__
from qlint.reporters.probe_text import doubts, peak_of, place_of_peak, probe
from qlint.reporters.probe_value import Probed
from qlint.reporters.sinks import render
from qlint.reporters.svg import Part, Point, bars, curve, stacked_bar
from qlint.rulebook.wording import gigabytes, size

_ROWS = 20
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222;
background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
svg{max-width:100%;height:auto;font:12px system-ui,sans-serif;fill:#222}
p.how{color:#666;margin:.2em 0}.doubt{background:#fdf1dc;padding:.4em .8em}
table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;text-align:left;
border-bottom:1px solid #ddd;vertical-align:top}
.confirmed{color:#b3261e}.refuted{color:#2f6f3a}.undecided{color:#666}
details{margin-top:2em}pre{overflow-x:auto;background:#f6f6f6;padding:1em}
"""


def page(probed: Probed) -> str:
    """The whole page."""
    body = "\n".join(_body(probed))
    title = f"qlint probe: {escape(probed.name)}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _body(probed: Probed) -> Iterator[str]:
    yield f"<h1>{escape(probed.name)}, {probed.steps} steps recorded</h1>"
    yield from _environment(probed.environment)
    if probed.interrupted:
        yield '<p class="doubt">Interrupted: what follows is incomplete.</p>'
    if probed.verdicts:
        yield "<h2>Verdicts</h2><table>"
        for verdict in probed.verdicts:
            outcome = escape(verdict["verdict"])
            yield (
                f"<tr><td>{escape(verdict['code'])}</td>"
                f'<td class="{outcome}">{outcome}</td><td>{escape(verdict["why"])}</td></tr>'
            )
        yield "</table>"
    for key, title, show in _SECTIONS:
        yield f"<h2>{title}</h2>"
        values = probed.probes.get(key)
        if values is None or values.get("skipped") is not None:
            reason = "not measured" if values is None else str(values["skipped"])
            yield f'<p class="how">Skipped: {escape(reason)}.</p>'
            continue
        yield from _quality(values)
        yield from show(values, probed)
    text = render(probe(probed), color=False)
    yield f"<details><summary>As text</summary><pre>{escape(text)}</pre></details>"
    yield f'<p class="how">qlint {escape(__version__)}</p>'


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    gpu = environment.get("gpu")
    device = f"{gpu['name']} ({gigabytes(gpu['total_bytes'])})" if gpu else "the processor"
    versions = environment.get("versions", {})
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f'<p class="how">Measured on {escape(device)} with {escape(shown)}; '
    yield f"{environment.get('warm_up_steps', 0)} warm-up steps were discarded.</p>"
    watched = environment.get("watched") or {}
    if watched.get("skipped") is None and watched.get("clock_mhz"):
        clock = watched["clock_mhz"]
        yield (
            f'<p class="how">The card was busy {watched["busy"]:.0%} of the time at '
            f"{clock['low']} to {clock['high']} MHz.</p>"
        )
    for doubt in doubts(environment):
        yield f'<p class="doubt">Doubtful: {escape(doubt)}.</p>'


def _quality(values: Mapping[str, Any]) -> Iterator[str]:
    parts = []
    if values.get("method"):
        parts.append(f"Method: {values['method']}")
    if isinstance(values.get("noise"), int | float):
        parts.append(f"noise (A/A) {values['noise']:.1%}")
    if isinstance(values.get("overhead"), int | float):
        parts.append(f"overhead of measuring {values['overhead']:.1%}")
    check = values.get("cross_check") or {}
    if check.get("share") is not None:
        parts.append(f"checked by {check['method']}: {check['share']:.1%}")
    if parts:
        yield f'<p class="how">{escape("; ".join(parts))}.</p>'


def _dequantisation(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    share = values["share"]
    yield f"<p>A step takes {values['step_seconds']:.3g} s.</p>"
    phases = [
        Part(f"dequantisation, {name}", share[name])
        for name in ("forward", "backward", "recompute")
        if share.get(name)
    ]
    others = [
        Part(str(name), part)
        for name, part in (values.get("parts") or {}).items()
        if part > 0 and name not in ("dequantisation", "other")
    ]
    rest = 1 - sum(part.share for part in (*phases, *others))
    if rest > 0.001:
        others.append(Part("everything else", rest))
    yield stacked_bar([*phases, *others])
    yield from _modules(values.get("by_module"), lambda amount: f"{amount:.1%}")
    targets = values.get("targets") or ()
    if targets:
        yield "<p>What the adapters on each kind of module cost of a step:</p>"
        step = values["step_seconds"]
        yield bars(
            [
                (
                    one["module"],
                    one["seconds"],
                    f"{one['seconds'] / step:.1%} ± {one['noise'] / step:.1%}",
                )
                for one in targets
            ]
        )


def _activations(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    at = place_of_peak(values)
    predicted = probed.predicted_peak_bytes
    beside = f"; qlint plan predicts {size(predicted)}" if predicted is not None else ""
    yield f"<p>Peak {size(values['peak_bytes'])}{escape(at)}{beside}.</p>"
    modes = values.get("checkpointing") or {}
    peaks = [(f"checkpointing {name}", peak_of(value)) for name, value in modes.items()]
    rows = [(name, float(peak), size(peak)) for name, peak in peaks if peak]
    if rows:
        yield bars(rows)
    yield from _modules(values.get("by_kind"), size, "By kind")
    yield from _modules(values.get("by_module"), size)


def _learning_rate(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    trials = values.get("trials") or ()
    points = [
        Point(
            float(trial["lr"]),
            float(trial["paired_delta"]) if trial.get("paired_delta") is not None else 0.0,
            bool(trial.get("diverged")) or trial.get("paired_delta") is None,
        )
        for trial in trials
        if trial["lr"] > 0
    ]
    if points:
        yield curve(points, float(values.get("noise_band") or 0.0), "loss less the lowest rate's")
    edge = values.get("edge")
    yield f"<p>{f'It breaks from {edge:.2g}' if edge else 'No rate that was tried broke'}.</p>"
    yield '<p class="how">Short trials show where a run breaks, not which rate is best.</p>'


def _adapters(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    names = ("parameter_bytes", "gradient_bytes", "optimizer_bytes")
    yield bars(
        [
            (name.replace("_bytes", "").replace("_", " "), values[name], size(values[name]))
            for name in names
        ]
    )


def _modules(by_module: Any, shown: Any, title: str = "By module") -> Iterator[str]:
    rows = by_module.items() if isinstance(by_module, Mapping) else ()
    numbers = [(str(name), amount) for name, amount in rows if isinstance(amount, int | float)]
    numbers = sorted(numbers, key=lambda row: -row[1])[:_ROWS]
    if numbers:
        yield f"<p>{title}:</p>"
        yield bars([(name, float(amount), shown(amount)) for name, amount in numbers])


_SECTIONS = (
    ("dequant", "Step time", _dequantisation),
    ("activations", "Activation memory", _activations),
    ("learning_rate", "Learning rate", _learning_rate),
    ("adapters", "Adapters and optimizer state", _adapters),
)
