"""Measures the steps of a run that goes on: nothing of it is repeated, and nothing is changed.

Used where steps cannot be replayed, or must not be. Dequantisation is timed in every second step;
one more step is traced for its memory on a processor, where the allocator does not count.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from .activations.kinds import Kinds
from .activations.peak import peak_of
from .activations.tracked import METHOD as TRACKED
from .activations.tracked import tracking
from .capture.patches import Patches
from .dequantisation.clock import Step
from .dequantisation.modules import linear4bit_modules
from .dequantisation.rounds import half_spread
from .dequantisation.shares import Direct
from .dequantisation.unseen import reason
from .environment import environment, gpu_index
from .gpu_watch import GpuWatch
from .measurement import Measurement
from .simulation.trace import Trace
from .trained_state import counted, gradient_bytes

WARM_UP = 2
_DEQUANTISATION = "native dequantisation functions timed in every second step of the run itself"
_ALLOCATOR = "the allocator's peak over the steps of the run itself"
_TOO_SHORT = "the run ended before enough steps were taken"


@dataclass(slots=True)
class _Run:
    model: torch.nn.Module
    optimizer: Any


class Live:
    """Told where steps begin and end, it measures ``2 * steps`` of them after the warm-up."""

    def __init__(self, model: torch.nn.Module, optimizer: Any, steps: int) -> None:
        self.done = False
        self.first_seconds: float | None = None
        """What a step takes, from the first one after the warm-up."""
        self._run = _Run(model, optimizer)
        group = optimizer.param_groups[0]
        self._rate = float(group.get("initial_lr", group["lr"]))
        self._steps = steps
        self._device = next(model.parameters()).device
        self._modules = linear4bit_modules(model)
        self._unseen = reason(model, self._modules)
        self._direct = Direct(self._device, self._modules)
        self._watch = GpuWatch(gpu_index(self._device))
        self._watch.__enter__()
        self._block = contextlib.ExitStack()
        self._seen = 0
        self._hooked: list[Step] = []
        self._plain: list[Step] = []
        self._trace: Trace | None = None
        self._gradients = 0
        self._started = (0.0, 0.0)

    def begin_step(self) -> None:
        """Every second step after the warm-up is hooked, and the last one is traced."""
        self._seen += 1
        if len(self._hooked) == self._steps:
            if self._device.type == "cpu":
                self._trace = self._block.enter_context(tracking(self._run, []))
        elif self._seen > WARM_UP and self._seen % 2 == 0 and self._unseen is None:
            self._direct.install(self._block.enter_context(Patches()))
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._started = self._now()

    def count_gradients(self) -> None:
        """All gradients of the step are there."""
        self._gradients = max(self._gradients, gradient_bytes(self._run.model))

    def end_step(self) -> None:
        """Take its time, and leave nothing hooked."""
        wall, processor = (
            end - start for end, start in zip(self._now(), self._started, strict=True)
        )
        cuda = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if cuda else None
        step = Step(wall, wall if cuda else processor, peak)
        self._block.close()
        if self._seen <= WARM_UP:
            return
        if self.first_seconds is None:
            self.first_seconds = wall
        if len(self._hooked) == self._steps:
            self.close()
            return
        (self._hooked if self._seen % 2 == 0 else self._plain).append(step)
        if len(self._hooked) == self._steps and self._device.type != "cpu":
            self.close()

    def close(self) -> None:
        """Measure no further, and leave nothing hooked."""
        if self.done:
            return
        self.done = True
        self._block.close()
        self._watch.__exit__(None, None, None)

    def fill(self, result: Measurement, no_learning_rate: str) -> None:
        """What the steps said."""
        result.steps = len(self._plain) + len(self._hooked)
        result.learning_rate = self._rate
        result.probes.update(
            dequant=self._dequantisation(),
            activations=self._activations(),
            learning_rate={"skipped": no_learning_rate},
            adapters=counted(self._run, self._gradients)
            if self._gradients
            else {"skipped": "no gradient was seen before an update"},
        )
        result.environment = environment(self._device, self._watch, WARM_UP)

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()

    def _dequantisation(self) -> dict[str, Any]:
        if self._unseen is not None:
            return {"skipped": self._unseen}
        if not self._hooked or not self._plain:
            return {"skipped": _TOO_SHORT}
        shares = self._direct.shares(self._hooked)
        problem = shares.problem()
        if problem is not None:
            return {"skipped": problem}
        times = [step.seconds for step in self._plain]
        return {
            "skipped": None,
            "share": shares.by_phase(),
            "step_seconds": median(step.wall_seconds for step in self._plain),
            "method": _DEQUANTISATION,
            # Steps of a real run differ by their data as well.
            "noise": half_spread(times) / median(times),
            "overhead": median(step.seconds for step in self._hooked) / median(times) - 1,
            "cross_check": None,
            "by_module": shares.by_module(),
        }

    def _activations(self) -> dict[str, Any]:
        """The run's own mode only: the other one would take steps of another kind."""
        if self._trace is not None:
            peak = peak_of(self._trace, Kinds(self._run.model))
            return {
                "skipped": None,
                "peak_bytes": peak.peak_bytes,
                "resident_bytes": peak.resident_bytes,
                "saved_bytes": peak.saved_bytes,
                "at": peak.at,
                "by_module": peak.by_module,
                "by_kind": peak.by_kind,
                "method": f"{TRACKED}, in one step of the run itself",
            }
        peaks = [step.peak_bytes for step in self._plain if step.peak_bytes is not None]
        if not peaks:
            return {"skipped": _TOO_SHORT}
        return {
            "skipped": None,
            "peak_bytes": max(peaks),
            "reserved_bytes": int(torch.cuda.max_memory_reserved(self._device)),
            "method": _ALLOCATOR,
            "noise": 1 - min(peaks) / max(peaks),
        }
