"""The direct measurement: time spent in the native functions over the time of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ..capture.patches import Patches
from ..replay.run import Run
from .clock import Clock, step_seconds
from .modules import ModuleMarks, linear4bit_modules
from .native import ABSMAX, FUSED, wrap_all
from .phases import PHASES, Phase, phase

WARM_UP = 2
METHOD = "time in bitsandbytes' native dequantisation functions, called from Python"


@dataclass(frozen=True, slots=True)
class Shares:
    """Fractions of the step's time, or the reason why there are none (``skipped``)."""

    share: dict[str, float] = field(default_factory=dict)
    """``total`` and one entry for each phase."""
    step_seconds: float = 0.0
    noise: float = 0.0
    """Half the spread of the middle half of equal steps, as a fraction of a step (A/A)."""
    overhead: float = 0.0
    """What the hooks themselves add to a step, as a fraction."""
    by_module: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    """Weight dequantisations by phase."""
    fused_calls: int = 0
    skipped: str | None = None


def measure(run: Run, steps: int) -> Shares:
    """Measure ``steps`` windows (at most those recorded), interleaved with unhooked ones."""
    modules = linear4bit_modules(run.model)
    if not modules:
        return Shares(skipped="no layer of the model is stored in 4 bits by bitsandbytes")
    device = next(run.model.parameters()).device
    windows = list(run.windows)[:steps]
    state = run.save()
    plain: list[float] = []
    hooked: list[float] = []
    clock = Clock(device)
    try:
        for number in range(WARM_UP + len(windows)):
            window = windows[number % len(windows)]

            def work(window: Any = window) -> None:
                run.forward_backward(window)
                run.update()

            warm = number < WARM_UP
            plain_seconds = step_seconds(device, work)
            used = Clock(device) if warm else clock
            with Patches() as patches:
                marks = ModuleMarks(patches, modules)
                count = wrap_all(patches, _timed(used, marks))
                if not count:
                    return Shares(skipped="bitsandbytes has no native functions that can be seen")
                hooked_seconds = step_seconds(device, work)
            if not warm:
                plain.append(plain_seconds)
                hooked.append(hooked_seconds)
    finally:
        state.restore()
    clock.settle()
    return _shares(clock, plain, hooked, len(modules), windows)


def _timed(clock: Clock, marks: ModuleMarks) -> Callable[[str, Any], Any]:
    def around(name: str, function: Any) -> Any:
        kind = "fused" if name in FUSED else "scales" if name in ABSMAX else "weights"

        def timed(*arguments: Any) -> Any:
            started = clock.start()
            result = function(*arguments)
            clock.stop(started, (phase(), kind, marks.current))
            return result

        return timed

    return around


def _shares(
    clock: Clock, plain: list[float], hooked: list[float], modules: int, windows: list[Any]
) -> Shares:
    steps = len(plain)
    step = median(plain)
    calls: dict[Phase, int] = dict.fromkeys(PHASES, 0)
    seconds: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
    by_module: dict[str, float] = {}
    fused = 0
    for key, spent in clock.seconds.items():
        where, kind, module = key
        if kind == "fused":
            fused += clock.calls[key]
            continue
        seconds[where] += spent / steps
        if kind == "weights":
            calls[where] += clock.calls[key]
        by_module[module] = by_module.get(module, 0.0) + spent / steps / step
    micro_batches = sum(len(window.inputs) for window in windows)
    problem = _unexpected(calls, fused, modules * micro_batches)
    if problem is not None:
        return Shares(skipped=problem, fused_calls=fused)
    return Shares(
        share={
            "total": sum(seconds.values()) / step,
            **{name: spent / step for name, spent in seconds.items()},
        },
        step_seconds=step,
        noise=_spread(plain) / step,
        overhead=median(one / other - 1 for one, other in zip(hooked, plain, strict=True)),
        by_module=dict(sorted(by_module.items(), key=lambda item: -item[1])),
        calls={str(name): count for name, count in calls.items()},
        fused_calls=fused,
    )


def _unexpected(calls: dict[Phase, int], fused: int, expected: int) -> str | None:
    """Every 4-bit layer is dequantised once a forward and once a backward that reaches it.

    Calls that are missing went a way that was not seen (a Triton kernel, a captured graph, a
    compiled backward); then no figure is better than one that is too low.
    """
    if fused:
        return (
            f"{fused} of the multiplications are fused with dequantisation: what of them is "
            "dequantisation cannot be told"
        )
    if calls["forward"] < expected:
        return (
            f"{calls['forward']} dequantisations were seen in the forward where {expected} are "
            "due: weights are dequantised on a way that is not seen"
        )
    return None


def _spread(values: list[float]) -> float:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return (ordered[-1 - quarter] - ordered[quarter]) / 2
