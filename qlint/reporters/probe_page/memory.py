"""The section on memory: the peak with checkpointing on and off, what holds it, and what fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from qlint.reporters import probe_figures as figures
from qlint.reporters import svg
from qlint.reporters.probe_page.elements import (
    MODULES,
    NEGLIGIBLE,
    bars,
    path,
    sentence,
    sizes,
    table,
)
from qlint.reporters.probe_page.frontier import frontier
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import size


def memory(values: Mapping[str, Any], probed: Probed) -> Iterator[str]:
    """The section."""
    told = f"the peak is {size(values['peak_bytes'])}{figures.place_of_peak(values)}"
    batch = figures.batch_of_peak(values)
    yield f"<p>{sentence(told + (f', on {batch}' if batch else ''))}</p>"
    predicted = figures.predicted(probed, values)
    if predicted is not None:
        yield f"<p>{sentence(predicted)}</p>"
    yield from bars("With and without gradient checkpointing", figures.peaks(values))
    for reason in figures.peaks_skipped(values):
        yield f'<p class="how">{sentence(reason)}</p>'
    yield from bars("At the peak, by kind", sizes(values.get("by_kind")))
    yield from _by_module(values)
    yield from frontier(values, probed)
    yield from _cards(values)
    yield from _others(values)


def _cards(values: Mapping[str, Any]) -> Iterator[str]:
    """Whether the run's own batch fits smaller cards."""
    rows = [
        [
            str(card["name"]),
            "fits" if card["fits"] else "does not fit",
            "run within a limit" if card.get("ran") else "its peak is higher",
        ]
        for card in values.get("smaller_cards") or ()
    ]
    yield from table(("The run's own batch on a smaller card", "", ""), rows)
    reason = values.get("smaller_cards_skipped")
    if reason:
        yield f'<p class="how">{sentence(f"smaller cards: skipped, {reason}")}</p>'


def _others(values: Mapping[str, Any]) -> Iterator[str]:
    """What stands beside the training step."""
    for name in ("evaluation", "generation"):
        one = values.get(name) or {}
        if one.get("peak_bytes") is not None:
            words = f"{name} peaks at {size(one['peak_bytes'])}"
            yield f"<p>{sentence(words)}</p>"
        elif one.get("skipped"):
            words = f"{name}: skipped, {one['skipped']}"
            yield f'<p class="how">{sentence(words)}</p>'
    for key, words in (
        ("reserved_bytes", "the allocator reserved"),
        ("paged_bytes", "paged optimizer state, which no other figure counts, takes"),
    ):
        if values.get(key):
            yield f"<p>{sentence(f'{words} {size(values[key])}')}</p>"


def _by_module(values: Mapping[str, Any]) -> Iterator[str]:
    """What the modules hold at the peak, with checkpointing on and off where both are known."""
    modes = {
        name: mode["by_module"]
        for name, mode in (values.get("checkpointing") or {}).items()
        if isinstance(mode, Mapping) and mode.get("by_module")
    }
    if len(modes) < 2:
        yield from bars("At the peak, by module", sizes(values.get("by_module")))
        return
    highest: dict[str, float] = {}
    for mode in modes.values():
        for module, amount in mode.items():
            highest[module] = max(amount, highest.get(module, 0))
    top = max(highest.values(), default=0) or 1
    yield "<h3>At the peak, by module, with checkpointing on and off</h3>"
    yield "<table>"
    for module, _ in figures.largest(highest, MODULES):
        if highest[module] < NEGLIGIBLE * top:
            continue
        drawn, amounts = [], []
        for hue, (name, mode) in zip((1, 3), modes.items(), strict=False):
            amount = mode.get(module, 0)
            words = f"{name} {size(amount) if amount else '0'}"
            drawn.append(svg.bar([svg.Segment(words, amount / top, hue)], words))
            amounts.append(words)
        yield (
            f'<tr><th scope="row">{path(module)}</th><td class="pair">{"".join(drawn)}</td>'
            f'<td class="amount">{"<br>".join(map(escape, amounts))}</td></tr>'
        )
    yield "</table>"
