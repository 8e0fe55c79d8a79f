"""The probes there are, and how they are run: one after the other, each for itself.

A probe that fails is skipped with its reason, and the state of the run is put back after each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from .activations.duration import SPENT, search_seconds
from .capture.patches import Patches
from .dequantisation.clock import step_seconds
from .dequantisation.steady import steady
from .environment import devices_of, environment, gpu_index
from .gpu_watch import GpuWatch
from .measurement import Measurement
from .out_of_memory import MemoryHeld, attempt
from .progress import Progress, Tell, nothing
from .replay.device import device_of, release
from .replay.paged import keep_pages
from .replay.run import Run
from .replay.state import State

TRAINED = "adapters"
"""The count that is always made: it takes one step."""
WARM_UP_STEPS = 2
_FEWEST_STEPS = 5


class Wanted(NamedTuple):
    """What a measurement is asked for."""

    steps: int = 20
    only: tuple[str, ...] = ()
    """Names on the command line; empty for all."""
    budget_seconds: float | None = None
    no_learning_rate: str | None = None
    """Why a learning rate would mean nothing here."""

    def wants(self, name: str) -> bool:
        """Whether the probe of that name is asked for."""
        return not self.only or name in self.only


class DeviceFailed(Exception):
    """A step left the device so that nothing can be computed on it any more; a sentence."""


class Probe(NamedTuple):
    """One probe: its name on the command line, its key in the report, and what it does."""

    name: str
    key: str
    title: str
    measure: Callable[[Run, Wanted, Tell], dict[str, Any]]
    passes: Callable[[Wanted], int]
    """About how many training steps it takes."""
    adapts: bool = False
    """It does as much as its budget of time allows."""
    search_seconds: Callable[[float, float], float] = lambda seconds, growth: 0.0
    """What a search takes beside them, where a step takes ``seconds`` and one that fills the card
    is ``growth`` times as large."""


def _dequantisation(run: Run, wanted: Wanted, _: Tell) -> dict[str, Any]:
    from .dequantisation import probe

    return _complete(probe.measure(run, wanted.steps).as_json())


def _activations(run: Run, wanted: Wanted, _: Tell) -> dict[str, Any]:
    from .activations import probe

    seconds = wanted.budget_seconds
    if seconds is not None and wanted.wants("lr") and wanted.no_learning_rate is None:
        seconds /= 2  # What comes after it makes do with what is left, but needs some.
    return _complete(probe.measure(run, wanted.steps, seconds).as_json())


def _learning_rate(run: Run, wanted: Wanted, tell: Tell) -> dict[str, Any]:
    if wanted.no_learning_rate is not None:
        return _skipped(wanted.no_learning_rate)
    from .learning_rate import probe

    return _complete(probe.measure(run, wanted.steps, wanted.budget_seconds, tell).as_json())


def _count_trained(run: Run, _: Wanted, __: Tell) -> dict[str, Any]:
    from .trained_state import measure

    return measure(run)


def _complete(result: dict[str, Any]) -> dict[str, Any]:
    """Results leave out what they have nothing to say about."""
    return {"skipped": None, **result}


PROBES = (
    Probe(
        "dequant",
        "dequant",
        "dequantisation",
        _dequantisation,
        lambda wanted: 5 * wanted.steps + 150,
    ),
    Probe(
        "activations",
        "activations",
        "activation memory",
        _activations,
        lambda wanted: 30,
        search_seconds=search_seconds,
    ),
    Probe(
        "lr",
        "learning_rate",
        "learning-rate sensitivity",
        _learning_rate,
        lambda wanted: 0 if wanted.no_learning_rate else 22 * wanted.steps,
        adapts=True,
    ),
)
"""In the order in which they run: what changes least about the run comes first."""
KEYS = (TRAINED, *(probe.key for probe in PROBES))
"""What a report has an entry for."""


def measure_all(run: Run, wanted: Wanted, result: Measurement, progress: Progress) -> None:
    """Fill ``result``; an interrupt leaves what there is, with the rest skipped."""
    device = next(run.model.parameters()).device
    result.name, result.steps = run.name, len(run.windows)
    group = run.optimizer.param_groups[0]
    result.learning_rate = float(group.get("initial_lr", group["lr"]))
    state = run.save()
    deadline = None if wanted.budget_seconds is None else time.monotonic() + wanted.budget_seconds
    watch = GpuWatch(gpu_index(device))
    with watch, Patches() as patches:
        keep_pages(patches, run.optimizer)
        try:
            result.probes[TRAINED] = _isolated(run, state, _count_trained, wanted, nothing)
            wanted = _estimated(run, device, wanted, progress)
            state.restore()
            for probe in PROBES:
                if not wanted.wants(probe.name):
                    result.probes[probe.key] = _skipped("not asked for")
                elif deadline is not None and time.monotonic() > deadline:
                    result.probes[probe.key] = _skipped(SPENT)
                else:
                    if deadline is not None:
                        wanted = wanted._replace(budget_seconds=deadline - time.monotonic())
                    with progress.stage(probe.title) as tell:
                        found = _isolated(run, state, probe.measure, wanted, tell)
                    result.probes[probe.key] = found
        except KeyboardInterrupt:
            result.interrupted = True
            _skip_the_rest(result, "interrupted")
            state.restore()
        except DeviceFailed as error:
            _skip_the_rest(result, str(error))
    result.environment = {
        **environment(device, watch, WARM_UP_STEPS),
        "devices": devices_of(run.model),
    }


def _estimated(run: Run, device: torch.device, wanted: Wanted, progress: Progress) -> Wanted:
    """Time a step, say how long all will take, and take fewer steps where the budget asks for it.

    A step that does not fit the card is found here as well, and is left to the probes to report.
    """
    windows = run.windows
    before = _allocated(device_of(run))

    def step() -> None:
        run.forward_backward(windows[0])
        run.update()

    def timed() -> float:
        with steady(device):
            return min(step_seconds(device, step) for _ in range(WARM_UP_STEPS))

    try:
        seconds = attempt(timed, lambda: release(run))
    except MemoryHeld:
        seconds = None
    if seconds is None:
        return wanted
    steps = min(wanted.steps, len(windows))
    wanted = wanted._replace(steps=steps)
    budget = wanted.budget_seconds
    fixed = seconds * _passes(wanted, adapts=False)
    if budget is not None and fixed > budget:
        wanted = wanted._replace(steps=min(steps, max(_FEWEST_STEPS, int(steps * budget / fixed))))
    total = seconds * (_passes(wanted, adapts=False) + _passes(wanted, adapts=True))
    growth = _growth(device_of(run), before)
    total += sum(one.search_seconds(seconds, growth) for one in PROBES if wanted.wants(one.name))
    if budget is not None:
        total = min(total, budget)
    progress.say(
        f"one step of {run.name} takes {seconds:.2g} s; measuring {wanted.steps} steps will take "
        f"about {_duration(total)}."
    )
    return wanted


def _passes(wanted: Wanted, *, adapts: bool) -> int:
    """About how many training steps the probes that were asked for take together."""
    return sum(
        probe.passes(wanted)
        for probe in PROBES
        if probe.adapts is adapts and wanted.wants(probe.name)
    )


def _allocated(device: torch.device) -> int:
    """Bytes of tensors on a card; the peak begins there again."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return int(torch.cuda.memory_allocated(device))


def _growth(device: torch.device, before: int) -> float:
    """How many times as large a step that fills the card is as those since ``before``; 0 without
    a card."""
    if device.type != "cuda":
        return 0.0
    free, _ = torch.cuda.mem_get_info(device)
    room = free + torch.cuda.memory_reserved(device) - before
    return float(room / max(1, torch.cuda.max_memory_allocated(device) - before))


def _isolated(
    run: Run,
    state: State,
    measure: Callable[[Run, Wanted, Tell], dict[str, Any]],
    wanted: Wanted,
    tell: Tell,
) -> dict[str, Any]:
    """What ``measure`` gives, or why it gave nothing; the run is as before either way.

    Raises DeviceFailed where it cannot be put back.
    """
    try:
        found = attempt(lambda: measure(run, wanted, tell), state.restore)
    except Exception as error:
        found, reason = None, f"{type(error).__name__}: {_first_line(error)}"
    else:
        reason = "out of memory"
    # Outside of the handler: its traceback holds the tensors of the failed step.
    try:
        state.restore()
    except RuntimeError as error:
        raise DeviceFailed(f"the device failed: {_first_line(error)}") from None
    if found is None:
        release(run)
        return _skipped(reason)
    return found


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _skip_the_rest(result: Measurement, reason: str) -> None:
    for key in KEYS:
        result.probes.setdefault(key, _skipped(reason))


def _skipped(reason: str) -> dict[str, Any]:
    return {"skipped": reason}


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
