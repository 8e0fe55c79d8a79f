"""The format ``full`` of ``probe``: one screen, every figure with its method and noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qlint.reporters.layout import Line, paragraph, plain
from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import gigabytes, scientific, size

_BAR = 40
BUSY = 0.9
"""A GPU that is busy for less of a step waits for Python: the step is launch-bound."""
_ROWS = 6
"""Modules shown; the JSON report has them all."""
_MARKS: dict[str, Any] = {"confirmed": "error", "refuted": "info", "undecided": "dim"}


def probe(probed: Probed) -> Iterator[Line]:
    """Yield the summary."""
    yield [(f"{probed.name}, {probed.steps} steps recorded", "bold")]
    yield plain(f"  {_where(probed.environment)}", "dim")
    for doubt in doubts(probed.environment):
        yield [("  doubtful: ", "warning"), (doubt, "")]
    if probed.interrupted:
        yield [("  interrupted: ", "warning"), ("what follows is incomplete", "")]
    for key, title, show in _SECTIONS:
        yield []
        values = probed.probes.get(key)
        if values is None or values.get("skipped") is not None:
            reason = "not measured" if values is None else str(values["skipped"])
            yield from paragraph(f"{title}, skipped", reason, 0)
        else:
            yield [(title, "bold"), (f"  {_quality(values)}", "dim")]
            yield from show(values, probed)
    if probed.verdicts:
        yield []
        for verdict in probed.verdicts:
            outcome = verdict["verdict"]
            yield [
                (verdict["code"], "code"),
                (f" {outcome}", _MARKS[outcome]),
                (f" {verdict['why']}", ""),
            ]


def doubts(environment: Mapping[str, Any]) -> Iterator[str]:
    """What speaks against the figures, in words."""
    watched = environment.get("watched") or {}
    if watched.get("skipped") is not None:
        if environment.get("device") == "cuda":
            yield f"clocks and other processes were not watched: {watched['skipped']}"
        return
    if watched.get("throttled"):
        yield f"the card was throttled: {', '.join(watched['throttled'])}"
    if watched.get("foreign_processes"):
        yield f"{watched['foreign_processes']} other processes used the card"
    if watched.get("mig"):
        yield "the card is a MIG slice: shared bandwidth"


def bar(share: float, width: int = _BAR) -> str:
    """A bar of full blocks."""
    return "█" * max(0, min(width, round(share * width)))


def _where(environment: Mapping[str, Any]) -> str:
    gpu = environment.get("gpu")
    device = f"{gpu['name']}, {gigabytes(gpu['total_bytes'])}" if gpu else "on the processor"
    versions = environment.get("versions", {})
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    warm_up = environment.get("warm_up_steps")
    return f"{device}; {shown}; {warm_up} warm-up steps discarded"


def _quality(values: Mapping[str, Any]) -> str:
    parts = [str(values["method"])] if values.get("method") else []
    if isinstance(values.get("noise"), int | float):
        parts.append(f"noise {values['noise']:.1%}")
    if isinstance(values.get("overhead"), int | float):
        parts.append(f"overhead {values['overhead']:.1%}")
    return "; ".join(parts)


def _dequantisation(values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    share = values["share"]
    yield plain(
        f"  a step takes {values['step_seconds']:.3g} s; dequantisation {share['total']:.1%}"
    )
    for name in ("forward", "backward", "recompute"):
        if name in share:
            yield plain(f"  {name:<14} {share[name]:6.1%}  {bar(share[name])}")
    for name, part in (values.get("parts") or {}).items():
        if name != "dequantisation":
            yield plain(f"  {name:<14} {part:6.1%}  {bar(part)}", "dim")
    if values.get("busy") is not None:
        bound = ": launch-bound" if values["busy"] < BUSY else ""
        yield plain(f"  the GPU was busy {values['busy']:.0%} of the step{bound}", "dim")
    for cost in values.get("targets") or ():
        share = cost["seconds"] / values["step_seconds"]
        noise = cost["noise"] / values["step_seconds"]
        name = f"adapters on {cost['module']}"
        yield plain(f"  {name:<24} {share:6.1%} ± {noise:.1%}, {size(cost['state_bytes'])}", "dim")
    check = values.get("cross_check") or {}
    if check.get("share") is not None:
        yield plain(f"  checked: {check['share']:.1%} by {check['method']}", "dim")
    yield from _largest(values.get("by_module"), lambda amount: f"{amount:6.1%}")


def _activations(values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    at = place_of_peak(values)
    yield plain(f"  peak {size(values['peak_bytes'])}{at}")
    if probed.predicted_peak_bytes is not None:
        yield plain(f"  qlint plan predicts {size(probed.predicted_peak_bytes)}", "dim")
    peaks = {name: peak_of(value) for name, value in (values.get("checkpointing") or {}).items()}
    top = max((peak for peak in peaks.values() if peak), default=0)
    for name, peak in peaks.items():
        if peak:
            yield plain(f"  checkpointing {name:<3} {size(peak):>9}  {bar(peak / top)}")
    yield from _largest(values.get("by_kind") or values.get("by_module"), size)


def _learning_rate(values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    edge, band = values.get("edge"), values.get("noise_band")
    yield plain(
        f"  breaks from {scientific(edge)}" if edge else "  no rate that was tried broke",
    )
    if isinstance(band, int | float):
        yield plain(f"  differences under {band:.2g} are noise (A/A)", "dim")
    for trial in values.get("trials", ()):
        delta = trial.get("paired_delta")
        shown = "diverged" if trial.get("diverged") else "" if delta is None else f"{delta:+.4f}"
        yield plain(f"  {scientific(trial['lr']):>8}  x{trial['multiple']:<6g} {shown}")


def _adapters(values: Mapping[str, Any], probed: Probed) -> Iterator[Line]:
    yield plain(
        f"  {values['parameters'] / 1e6:.3g} million parameters: weights "
        f"{size(values['parameter_bytes'])}, gradients {size(values['gradient_bytes'])}, "
        f"{values['optimizer']} {size(values['optimizer_bytes'])}"
    )


def place_of_peak(values: Mapping[str, Any]) -> str:
    """Where the peak stands, in words: `` in the backward of lm_head``."""
    at = values.get("at") or {}
    if not at.get("phase"):
        return ""
    return f" in the {at['phase']}" + (f" of {at['module']}" if at.get("module") else "")


def peak_of(value: Any) -> int | None:
    """The bytes of one entry of ``checkpointing``: bare, or inside of what else was measured."""
    if isinstance(value, Mapping):
        value = value.get("peak_bytes")
    return int(value) if isinstance(value, int | float) else None


def _largest(by_module: Any, shown: Any) -> Iterable[Line]:
    rows = by_module.items() if isinstance(by_module, Mapping) else ()
    numbers = [(name, amount) for name, amount in rows if isinstance(amount, int | float)]
    for name, amount in sorted(numbers, key=lambda row: -row[1])[:_ROWS]:
        yield plain(f"    {shown(amount)}  {name}", "dim")


_SECTIONS = (
    ("dequant", "Dequantisation", _dequantisation),
    ("activations", "Activation memory", _activations),
    ("learning_rate", "Learning rate", _learning_rate),
    ("adapters", "Adapters", _adapters),
)
