"""Measures how much of a run's step is dequantisation, checks it, and says what else is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, TypeAlias

import torch

from ..replay.device import device_of, release
from ..replay.run import Run
from . import costs, profiled, unseen
from .clock import Step
from .dense import DenseWeights, free_bytes
from .modules import linear4bit_modules
from .parts import Decomposition
from .phases import PHASES, Phase
from .result import CrossCheck, Dequantisation, Unquantised
from .rounds import Setting, alternate, paired, unchanged
from .shares import Direct

_FEWEST_ROUNDS = 4
_ROUNDS_FOR_COSTS = 6
_METHODS = {
    "cuda": "CUDA events around bitsandbytes' native dequantisation functions, of wall time",
    "cpu": (
        "processor time in bitsandbytes' native dequantisation functions, of the step's processor "
        "time, on one thread and with freed memory kept by the process"
    ),
}
_LEFT_OUT = "the step with dense weights instead, in pairs: counts allocation and Python as well"
_PARTS = "the same clock around adapters, attention and recomputation, and their autograd nodes"
_STEP, _AGAIN, _DIRECT, _PARTED, _DENSE = "step", "again", "direct", "parts", "dense"


def measure(run: Run, steps: int = 20) -> Dequantisation:
    """Measure ``steps`` rounds of steps, on the recorded windows in turn.

    It takes about six steps a round, and some more rounds for targets and ranks. The run is as
    before when it returns.
    """
    modules = linear4bit_modules(run.model)
    reason = unseen.reason(run.model, modules)
    if reason is not None:
        return Dequantisation(skipped=reason)
    state = run.save()
    try:
        # Optimizer state exists from here on, as in every step of a run but the first.
        run.forward_backward(run.windows[0])
        run.update()
        return _measured(run, modules, max(_FEWEST_ROUNDS, steps))
    finally:
        state.restore()


def _measured(run: Run, modules: dict[str, Any], rounds: int) -> Dequantisation:
    device = device_of(run)
    direct = Direct(device, modules)
    parts = Decomposition(device, run.model)
    dense = DenseWeights(modules, free_bytes(device))
    settings: dict[str, Setting] = {
        _STEP: unchanged,
        _DIRECT: direct.install,
        _PARTED: parts.install,
        _AGAIN: unchanged,
    }
    taken = _alternated(run, settings, dense, rounds)
    shares = direct.shares(taken[_DIRECT])
    problem = shares.problem()
    if problem is not None:
        return Dequantisation(skipped=problem, calls=_by_name(shares.calls))
    wall = median(step.wall_seconds for step in taken[_STEP])
    kernels = _kernels(run, device)
    busy = None if kernels is None else min(1.0, kernels.busy / wall)
    unquantised = _unquantised(taken, dense, len(modules))
    if kernels is None:
        check = _by_dense(unquantised, shares.of(dense.paths))
    else:
        share = kernels.dequantisation / wall
        check = CrossCheck(profiled.METHOD, share, shares.by_phase()["total"])
    (targets, targets_skipped), (ranks, ranks_skipped) = _costs(run, rounds)
    return Dequantisation(
        share=shares.by_phase(),
        step_seconds=wall,
        steps=rounds,
        method=_METHODS[device.type],
        noise=_noise(taken[_STEP], taken[_AGAIN]),
        overhead=-paired(taken[_STEP], taken[_DIRECT])[0],
        calls=_by_name(shares.calls),
        by_module=shares.by_module(),
        parts=parts.fractions(taken[_PARTED], None if busy is None else 1 - busy),
        parts_method=_PARTS,
        busy=busy,
        cross_check=check,
        unquantised=unquantised,
        targets=targets,
        targets_skipped=targets_skipped,
        ranks=ranks,
        ranks_skipped=ranks_skipped,
    )


def _alternated(
    run: Run, settings: dict[str, Setting], dense: DenseWeights, rounds: int
) -> dict[str, list[Step]]:
    """With the dense setting where there are such weights and they fit."""
    if dense.paths:
        try:
            return alternate(run, {**settings, _DENSE: dense.install}, rounds)
        except torch.cuda.OutOfMemoryError:
            pass  # Its traceback holds the step's tensors: go on outside of the handler.
        dense.drop()
        release(run)
    return alternate(run, settings, rounds)


def _noise(one: Sequence[Step], other: Sequence[Step]) -> float:
    """By how much two equal steps differ: what pairs spread, and what they drift apart."""
    drift, spread = paired(one, other)
    return max(abs(drift), spread)


def _kernels(run: Run, device: torch.device) -> profiled.KernelTime | None:
    if device.type != "cuda":
        return None

    def step() -> None:
        run.forward_backward(run.windows[0])
        run.update()

    return profiled.profiled_step(step)


def _unquantised(taken: dict[str, list[Step]], dense: DenseWeights, of: int) -> Unquantised:
    if _DENSE not in taken:
        return Unquantised(skipped="no dense weight fits into the free memory", of=of)
    share, noise = paired(taken[_STEP], taken[_DENSE])
    return Unquantised(
        step_seconds=median(step.wall_seconds for step in taken[_DENSE]),
        share=share,
        noise=noise,
        layers=len(dense.paths),
        of=of,
        bytes=dense.bytes,
    )


def _by_dense(unquantised: Unquantised, direct: float) -> CrossCheck:
    if unquantised.share is None:
        return CrossCheck(_LEFT_OUT, skipped=unquantised.skipped)
    return CrossCheck(_LEFT_OUT, unquantised.share, direct, unquantised.noise)


Costs: TypeAlias = tuple[list[dict[str, Any]], str | None]


def _costs(run: Run, rounds: int) -> tuple[Costs, Costs]:
    """The cost of targets and of ranks, each with the reason where there is none."""
    rounds = min(rounds, _ROUNDS_FOR_COSTS)
    return _cost(run, costs.targets, rounds), _cost(run, costs.ranks, rounds)


def _cost(run: Run, measured: Callable[[Run, int], list[dict[str, Any]]], rounds: int) -> Costs:
    try:
        return measured(run, rounds), None
    except costs.NotComparable as error:
        return [], str(error)
    except torch.cuda.OutOfMemoryError:
        pass
    release(run)
    return [], "out of memory"


def _by_name(calls: Mapping[Phase, int]) -> dict[str, int]:
    return {name: calls.get(name, 0) for name in PHASES}
