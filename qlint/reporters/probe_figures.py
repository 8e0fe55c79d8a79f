"""What the reports of a measurement show, taken from its values: for text and page alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qlint.reporters.probe_value import Probed
from qlint.rulebook.wording import gigabytes, percent, size, spread

BUSY = 0.9
"""A GPU that is busy for less of a step waits for Python: the step is launch-bound."""
OUTCOMES = ("confirmed", "refuted", "undecided")
PHASES = ("forward", "backward", "recompute")

Values = Mapping[str, Any]


class Judged(NamedTuple):
    """A verdict beside the finding that it is about."""

    code: str
    outcome: str
    why: str
    title: str
    """The finding's name in words; empty where there is no finding."""
    fix: str | None
    """How to mend a finding that the measurement confirmed."""


class Part(NamedTuple):
    """A part of a step: its share, and the noise of that where it is known."""

    name: str
    share: float
    noise: float | None = None


class Row(NamedTuple):
    """An amount, in words as well; ``note`` says what is particular about it."""

    name: str
    amount: float
    words: str
    note: str = ""
    certain: bool = True
    """It stands out of its noise."""


def judged(probed: Probed) -> list[Judged]:
    """The verdicts, what is confirmed first."""
    own = None if probed.recipe is None else probed.recipe.id
    findings = {one.code: one for one in probed.report.findings if one.recipe_id == own}
    rows = []
    for verdict in probed.verdicts:
        finding = findings.get(verdict["code"])
        fixes = finding.fixes if finding is not None else ()
        mend = verdict["verdict"] == OUTCOMES[0] and fixes
        rows.append(
            Judged(
                verdict["code"],
                verdict["verdict"],
                verdict["why"],
                "" if finding is None else finding.name.replace("-", " "),
                fixes[0].description if mend else None,
            )
        )
    return sorted(rows, key=lambda one: OUTCOMES.index(one.outcome))


def unjudged(probed: Probed) -> int:
    """How many findings of the run no verdict speaks about."""
    if probed.recipe is None:
        return 0
    codes = {one["code"] for one in probed.verdicts}
    return sum(
        one.recipe_id == probed.recipe.id and one.code not in codes
        for one in probed.report.findings
    )


def skipped(values: Values | None) -> str | None:
    """Why a probe has no figures; None where it has."""
    if values is None:
        return "not measured"
    reason = values.get("skipped")
    return None if reason is None else str(reason).rstrip(".")


def device(environment: Values) -> str:
    """What it was measured on."""
    gpu = environment.get("gpu")
    if gpu:
        several = f", one of {gpu['cards']}" if gpu.get("cards", 1) > 1 else ""
        return f"{gpu['name']}, {gigabytes(gpu['total_bytes'])}{several}"
    threads = environment.get("threads", 1)
    return f"the processor, {threads} thread{'s' if threads > 1 else ''}"


def versions(environment: Values) -> str:
    """The libraries that ran."""
    found = environment.get("versions", {})
    return ", ".join(f"{name} {version}" for name, version in found.items())


def circumstances(environment: Values) -> str:
    """What was discarded, and what the card did meanwhile."""
    parts = [f"{environment.get('warm_up_steps', 0)} warm-up steps discarded"]
    watched = environment.get("watched") or {}
    if watched.get("skipped") is None and watched.get("clock_mhz"):
        clock = watched["clock_mhz"]
        parts.append(
            f"card busy {percent(watched['busy'], 0)} of the time at {clock['low']} to "
            f"{clock['high']} MHz"
        )
    return "; ".join(parts)


def doubts(environment: Values) -> Iterator[str]:
    """What speaks against the figures, in words."""
    devices = environment.get("devices") or ()
    if len(devices) > 1:
        yield (
            f"the model lies on {', '.join(devices)}: time and memory are those of the device "
            "that it begins on"
        )
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
        yield "the card is a MIG slice: figures are of the slice, whose load is not watched"


def step_parts(values: Values) -> list[Part]:
    """The parts of a step, dequantisation by phase first; they fill the step, or nearly so."""
    share, noise = values["share"], values.get("parts_noise") or {}
    by_phase = values.get("share_noise") or {}
    found = [
        Part(f"dequantisation, {name}", share[name], by_phase.get(name))
        for name in PHASES
        if share.get(name)
    ]
    for name, part in (values.get("parts") or {}).items():
        if name not in ("dequantisation", "other") and part > 0:
            found.append(Part(str(name), part, noise.get(name)))
    rest = 1 - sum(part.share for part in found)
    if rest > 0.0005:
        found.append(Part("other", rest))
    return found


def launch_bound(values: Values) -> str | None:
    """How busy the GPU was, where that is known, and what that means."""
    busy = values.get("busy")
    if busy is None:
        return None
    bound = ": launch-bound" if busy < BUSY else ""
    return f"the GPU was busy {percent(busy, 0)} of it{bound}"


def quality(values: Values) -> list[str]:
    """Method, noise and overhead, and the independent check."""
    parts = [f"method: {values['method']}"] if values.get("method") else []
    if isinstance(values.get("noise"), int | float):
        parts.append(f"noise (A/A) {percent(values['noise'])}")
    if isinstance(values.get("overhead"), int | float):
        shown = percent(values["overhead"]) + spread(values.get("overhead_noise"))
        parts.append(f"overhead of measuring {shown}")
    check = values.get("cross_check") or {}
    if check.get("share") is not None:
        parts.append(f"checked: {percent(check['share'])} by {check['method']}")
    elif check.get("peak_bytes") is not None:
        parts.append(f"checked: {size(check['peak_bytes'])} by {check['method']}")
    return parts


def target_costs(values: Values) -> list[Row]:
    """What the adapters on each kind of module take of a step."""
    step = values["step_seconds"]
    return [
        Row(
            str(one["module"]),
            one["seconds"] / step,
            f"{percent(one['seconds'] / step)}{spread(one['noise'] / step)}",
            size(one["state_bytes"]),
            one["seconds"] > one["noise"],
        )
        for one in values.get("targets") or ()
    ]


def peaks(values: Values) -> list[Row]:
    """The peak with checkpointing on and off."""
    rows = []
    for name, value in (values.get("checkpointing") or {}).items():
        peak = peak_of(value)
        inner = value if isinstance(value, Mapping) else {}
        note = "as in the run" if inner.get("as_in_the_run") else ""
        if peak is not None:
            rows.append(Row(f"checkpointing {name}", float(peak), size(peak), note))
    return rows


def peaks_skipped(values: Values) -> list[str]:
    """Why there is no peak with checkpointing on, or off."""
    return [
        f"checkpointing {name}: skipped, {value['skipped']}"
        for name, value in (values.get("checkpointing") or {}).items()
        if isinstance(value, Mapping) and value.get("skipped")
    ]


def place_of_peak(values: Values) -> str:
    """Where the peak stands, in words: `` in the backward of lm_head``."""
    at = values.get("at") or {}
    if not at.get("phase"):
        return ""
    module = at.get("module")
    if module == "outside of modules":
        return f" in the {at['phase']}, outside of modules"
    return f" in the {at['phase']}" + (f" of {module}" if module else "")


def batch_of_peak(values: Values) -> str:
    """On which micro-batch it was measured; empty where that is not said."""
    batch = values.get("batch") or {}
    if not batch:
        return ""
    return f"{batch['rows']} x {batch['length']} tokens, {batch['source']}"


def predicted(probed: Probed, values: Values) -> str | None:
    """The planner's figure: of the very step that was measured, else of the recipe on a card."""
    own = values.get("prediction") or {}
    amount = own.get("bytes")
    if amount is None and probed.environment.get("device") == "cuda":
        amount = probed.predicted_peak_bytes
    if amount is not None:
        off = (amount / values["peak_bytes"] - 1) * 100
        return f"predicted by qlint plan: {size(amount)} ({off:+.0f} %)"
    if probed.predicted_peak_bytes is not None:
        return f"predicted by qlint plan: {size(probed.predicted_peak_bytes)}, on a card"
    return f"not predicted by qlint plan: {own['skipped']}" if own.get("skipped") else None


def largest_that_fit(values: Values) -> list[Row]:
    """The longest rows and the most of them that ran on this card, with what ended the search."""
    found = []
    for name in ("by_length", "by_rows"):
        one = (values.get("largest") or {}).get(name)
        if one and "rows" in one:
            fails = one.get("fails_at")
            end = f"{fails} does not" if fails is not None else str(one.get("stopped", ""))
            shape = f"{one['rows']} x {one['length']} tokens"
            found.append(Row(shape, one["peak_bytes"], size(one["peak_bytes"]), end))
    return found


def not_fitted(values: Values) -> list[str]:
    """Why other lengths, or other numbers of rows, were not run on this card."""
    largest = values.get("largest") or {}
    return [
        f"larger {what}: skipped, {reason}"
        for name, what in (("by_length", "lengths"), ("by_rows", "micro-batches"))
        if (reason := (largest.get(name) or {}).get("skipped"))
    ]


def peak_of(value: Any) -> int | None:
    """The bytes of one entry of ``checkpointing``: bare, or inside of what else was measured."""
    if isinstance(value, Mapping):
        value = value.get("peak_bytes")
    return int(value) if isinstance(value, int | float) else None


def largest(amounts: Any, count: int) -> list[tuple[str, float]]:
    """The largest of named amounts."""
    rows = amounts.items() if isinstance(amounts, Mapping) else ()
    numbers = [(str(name), amount) for name, amount in rows if isinstance(amount, int | float)]
    return sorted(numbers, key=lambda row: -row[1])[:count]
