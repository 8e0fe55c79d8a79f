"""Measures how much of a run's step is dequantisation, checks it, and says what else is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch

from ..replay.device import device_of, release
from ..replay.run import Run
from . import profiled, unseen
from .bought import bought
from .clock import Step, timed_step
from .dense import DenseWeights, free_bytes
from .modules import linear4bit_modules
from .parts import BUSY, Decomposition
from .phases import PHASES, Phase
from .result import CrossCheck, Dequantisation, Fused, Unquantised
from .rounds import Setting, alternate, paired, unchanged
from .shares import Direct, Shares

_FEWEST_ROUNDS = 4
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

    It takes about six steps a round, and some more rounds for what changes would buy. The run is
    as before when it returns.
    """
    modules = linear4bit_modules(run.model)
    reason = unseen.reason(run.model, modules)
    if reason is not None:
        return Dequantisation(skipped=reason)
    state = run.save()
    try:
        # Optimizer state exists from here on, as in every step of a run but the first.
        first = timed_step(device_of(run), lambda: _step(run))
        return _measured(run, modules, first, max(_FEWEST_ROUNDS, steps))
    finally:
        state.restore()


def _step(run: Run) -> None:
    run.forward_backward(run.windows[0])
    run.update()


def _measured(run: Run, modules: dict[str, Any], first: Step, rounds: int) -> Dequantisation:
    device = device_of(run)
    direct = Direct(device, modules)
    decomposition = Decomposition(device, run.model)
    dense = DenseWeights(modules, free_bytes(device, first))
    settings: dict[str, Setting] = {
        _STEP: unchanged,
        _DIRECT: direct.install,
        _PARTED: decomposition.install,
        _AGAIN: unchanged,
    }
    taken = _alternated(run, settings, dense, rounds)
    dense.drop()
    shares = direct.shares(taken[_DIRECT])
    problem = shares.problem()
    if problem is not None:
        return Dequantisation(
            skipped=problem, calls=_by_name(shares.calls), fused=_fused(shares), steps=rounds
        )
    wall = median(step.wall_seconds for step in taken[_STEP])
    kernels = profiled.profiled_step(lambda: _step(run)) if device.type == "cuda" else None
    busy = None if kernels is None else min(1.0, kernels.busy / wall)
    unquantised = _unquantised(taken, dense, len(modules))
    left_out = _leave_one_out(unquantised, shares.of(dense.paths), busy)
    share = shares.by_phase()
    parts = decomposition.parts(taken[_PARTED], share["total"], busy)
    overhead, overhead_noise = paired(taken[_STEP], taken[_DIRECT])
    return Dequantisation(
        share=share,
        share_noise=shares.noise(),
        step_seconds=wall,
        steps=rounds,
        method=_METHODS[device.type],
        noise=_noise(taken[_STEP], taken[_AGAIN]),
        overhead=-overhead,
        overhead_noise=overhead_noise,
        calls=_by_name(shares.calls),
        by_module=shares.by_module(),
        parts=parts.shares,
        parts_noise=parts.noise,
        parts_skipped=parts.skipped,
        parts_method=_PARTS,
        busy=busy,
        cross_check=left_out if kernels is None else _by_profiler(kernels, wall, share["total"]),
        leave_one_out=left_out,
        unquantised=unquantised,
        bought=bought(run, rounds),
    )


def _alternated(
    run: Run, settings: dict[str, Setting], dense: DenseWeights, rounds: int
) -> dict[str, list[Step]]:
    """With the dense setting where there are such weights, of as many layers as fit."""
    while dense.paths:
        try:
            return alternate(run, {**settings, _DENSE: dense.install}, rounds)
        except torch.cuda.OutOfMemoryError:
            pass  # Its traceback holds the step's tensors: go on outside of the handler.
        dense.halve()
        release(run)
    return alternate(run, settings, rounds)


def _noise(one: Sequence[Step], other: Sequence[Step]) -> float:
    """By how much two equal steps differ: what pairs spread, and what they drift apart."""
    drift, spread = paired(one, other)
    return max(abs(drift), spread)


def _unquantised(taken: dict[str, list[Step]], dense: DenseWeights, of: int) -> Unquantised:
    if _DENSE not in taken:
        return Unquantised(skipped="no dense weight fits into the free memory", of=of)
    share, noise = paired(taken[_AGAIN], taken[_DENSE])  # Neighbours in every round.
    return Unquantised(
        step_seconds=median(step.wall_seconds for step in taken[_DENSE]),
        share=share,
        noise=noise,
        layers=len(dense.paths),
        of=of,
        bytes=dense.bytes,
        dtype=dense.dtype,
    )


def _leave_one_out(unquantised: Unquantised, direct: float, busy: float | None) -> CrossCheck:
    """Wall time tells kernels apart only where the GPU is never waiting."""
    if unquantised.share is None:
        return CrossCheck(_LEFT_OUT, skipped=unquantised.skipped)
    if busy is not None and busy <= BUSY:
        reason = f"the GPU is busy for {busy:.0%} of a step only: kernels that go save no time"
        return CrossCheck(_LEFT_OUT, unquantised.share, noise=unquantised.noise, skipped=reason)
    return CrossCheck(_LEFT_OUT, unquantised.share, direct, unquantised.noise)


def _by_profiler(kernels: profiled.KernelTime, wall: float, direct: float) -> CrossCheck:
    return CrossCheck(profiled.METHOD, kernels.dequantisation / wall, direct)


def _fused(shares: Shares) -> Fused | None:
    return Fused(_by_name(shares.fused), shares.fused_share()) if shares.fused else None


def _by_name(calls: Mapping[Phase, int]) -> dict[str, int]:
    return {name: calls.get(name, 0) for name in PHASES}
