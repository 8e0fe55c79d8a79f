"""The format ``full`` of ``probe``: one screen of 80 columns, what is to be done first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from qlint.reporters import probe_figures as figures
from qlint.reporters import rate_figures
from qlint.reporters.layout import Line, Style, plain
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import percent, scientific, size, spread

_WIDTH = 80
_BAR = 32
_FEW = 3
"""Modules and kinds shown; the other formats have them all."""
_TRIALS = 8
"""Rates side by side."""
_SIGNS = re.compile(r"(?<=\d) (?=[%±])|(?<=±) |(?<=\d) (?=(?:[kMG]?B|s)\b)")
_JOINED = "\0"
"""Stands for a space where no line may end."""
_MARKS: dict[str, Style] = {"confirmed": "error", "refuted": "info", "undecided": "dim"}


def probe(probed: Probed) -> Iterator[Line]:
    """Yield the summary."""
    yield from _head(probed)
    yield from _verdicts(probed)
    for key, title, show in _SECTIONS:
        yield []
        values = probed.probes.get(key)
        reason = figures.skipped(values)
        if values is None or reason is not None:
            yield from _wrapped([(title, "bold"), ("  skipped: ", "dim")], str(reason), 2)
        else:
            yield from show(title, values, probed)
    yield plain("Methods, every module and the curves: --output-format html or json.", "dim")


def _head(probed: Probed) -> Iterator[Line]:
    environment = probed.environment
    where = f"{probed.steps} steps recorded, on {figures.device(environment)}"
    yield from _wrapped([], f"{probed.name}, {where}", 2, "bold")
    told = f"{figures.versions(environment)}; {figures.circumstances(environment)}"
    yield from _wrapped([("  ", "")], told, 2, "dim")
    for doubt in figures.doubts(environment):
        yield from _wrapped([("  doubtful: ", "warning")], doubt, 4)
    if probed.interrupted:
        yield [("  interrupted: ", "warning"), ("what follows is incomplete", "")]


def _verdicts(probed: Probed) -> Iterator[Line]:
    rows = figures.judged(probed)
    more = figures.unjudged(probed)
    if rows:
        yield []
    for one in rows:
        head: Line = [(one.code, "code"), (f" {one.outcome:<10} ", _MARKS[one.outcome])]
        yield from _wrapped(head, one.why, len(one.code) + 12)
        if one.fix is not None:
            yield from _wrapped([("      fix: ", "bold")], one.fix, 11)
    if more:
        noun = "finding" if more == 1 else "findings"
        yield plain(f"{more} more {noun} that no probe decides: qlint check.", "dim")


def _dequantisation(title: str, values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    told = [f"{values['step_seconds']:.3g} s{_noise(values)}", figures.launch_bound(values)]
    yield from _titled(title, told)
    parts = figures.step_parts(values)
    share = values["share"]
    dequantisation = [part for part in parts if part.name.startswith("dequantisation")]
    phases = ", ".join(
        f"{part.name.partition(', ')[2]} {percent(part.share)}" for part in dequantisation
    )
    yield _bar("dequantisation", share["total"], percent(share["total"]))
    if phases:
        yield plain(f"    {phases}", "dim")
    for part in parts:
        if part not in dequantisation:
            yield _bar(part.name, part.share, percent(part.share))
    check = values.get("cross_check") or {}
    if check.get("share") is not None:
        direct = check.get("direct")
        beside = f", {percent(direct)} directly" if direct is not None else ""
        yield from _fact(
            "checked",
            f"{percent(check['share'])}{beside} ({_brief(check['method'])})",
        )
    costs = figures.target_costs(values)
    dear = [f"{_short(one.name)} {one.words}" for one in costs if one.certain][:_FEW]
    if costs:
        yield from _fact("dearest adapters", ", ".join(dear) or "none stands out of its noise")


def _activations(title: str, values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    peak = f"{size(values['peak_bytes'])}{_noise(values)}{figures.place_of_peak(values)}"
    batch = values.get("batch") or {}
    shape = f"{batch['rows']} x {batch['length']} tokens" if batch else None
    yield from _titled(title, [peak, shape])
    rows = figures.peaks(values)
    top = max((row.amount for row in rows), default=0) or 1
    for row in rows:
        yield _bar(row.name, row.amount / top, row.words, row.note)
    for reason in figures.peaks_skipped(values):
        yield from _wrapped([("  ", "")], reason, 4)
    kinds = figures.largest(values.get("by_kind") or values.get("by_module"), _FEW)
    yield from _fact("at the peak", ", ".join(f"{name} {size(amount)}" for name, amount in kinds))
    yield from _fact("fit", ", ".join(row.name for row in figures.largest_that_fit(values)))
    predicted = figures.predicted(probed, values)
    if predicted is not None:
        yield from _wrapped([("  ", "")], predicted, 4, "dim")


def _learning_rate(title: str, values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    yield from _titled(title, [rate_figures.own_rate(values), rate_figures.edge(values)])
    trials = iter(values.get("trials", ()))
    while row := list(islice(trials, _TRIALS)):
        yield _cells("rate", [scientific(one["lr"]) for one in row])
        yield _cells("loss", [rate_figures.trial_words(one) for one in row])
    band = values.get("noise_band")
    noise = f"; under {band:.2g} is noise (A/A)" if band is not None else ""
    yield from _wrapped([("  ", "")], f"held-out loss less the lowest rate's{noise}", 2, "dim")
    yield plain(f"  {rate_figures.SHORT_TRIALS}", "dim")
    missing = [
        rate_figures.lost(values),
        rate_figures.scaler_skipped(values),
        _brief(values.get("cut") or ""),
    ]
    yield from _fact("missing", "; ".join(one for one in missing if one))
    told = ", ".join(rate_figures.quantisation_error(values.get("quantisation_noise") or {}))
    yield from _fact("in 4 bits", told)


def _adapters(title: str, values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    text = (
        f"{values['parameters'] / 1e6:.3g} million numbers: {size(values['parameter_bytes'])}, "
        f"gradients {size(values['gradient_bytes'])}, {_short(values['optimizer'])} "
        f"{size(values['optimizer_bytes'])}"
    )
    yield from _wrapped([(title, "bold"), ("  ", "")], text, 2)


def _titled(title: str, facts: Sequence[str | None]) -> Iterable[Line]:
    told = "; ".join(fact for fact in facts if fact)
    return _wrapped([(title, "bold"), ("  ", "")], told, 2)


def _bar(name: str, share: float, words: str, note: str = "") -> Line:
    """A bar on its track, which is the whole."""
    filled = max(0, min(_BAR, round(share * _BAR)))
    return [
        (f"  {name:<18} ", ""),
        ("█" * filled, "bar"),
        ("·" * (_BAR - filled), "dim"),
        (f" {words:>8}", ""),
        (f"  {note}".rstrip(), "dim"),
    ]


def _cells(name: str, cells: Sequence[str]) -> Line:
    return plain(f"  {name:<5}" + "".join(f"{cell:>9}" for cell in cells))


def _fact(name: str, text: str) -> Iterable[Line]:
    return _wrapped([(f"  {name}: ", "dim")], text, 4, "dim") if text else ()


def _wrapped(head: Line, text: str, indent: int, style: Style = "") -> Iterator[Line]:
    """``head`` and the text after it, its further lines set in."""
    # Imported here: only who reads a summary waits for it. Figures stay with their signs.
    from textwrap import wrap

    start = "".join(piece for piece, _ in head)
    lines = wrap(
        _SIGNS.sub(_JOINED, text),
        _WIDTH,
        initial_indent="x" * len(start),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    first, *others = lines or [start]
    if len(start) > len(first):
        first = start
    yield [*head, (first[len(start) :].replace(_JOINED, " "), style)]
    for line in others:
        yield plain(line.replace(_JOINED, " "), style)


def _noise(values: Mapping[str, Any]) -> str:
    return spread(values.get("noise"))


def _short(path: str) -> str:
    return path.rpartition(".")[2]


def _brief(sentence: str) -> str:
    """What comes before the explanation."""
    return re.split("[:,]", sentence, maxsplit=1)[0]


_Show = Callable[[str, Mapping[str, Any], Probed], Iterator[Line]]
_SECTIONS: tuple[tuple[str, str, _Show], ...] = (
    ("dequant", "Step time", _dequantisation),
    ("activations", "Peak memory", _activations),
    ("learning_rate", "Learning rate", _learning_rate),
    ("adapters", "Adapters", _adapters),
)
