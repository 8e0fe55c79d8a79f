"""Measures a real training run without stopping it: a callback for transformers' trainers."""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import Any

import torch
from transformers import TrainerCallback

from qlint.linting.report import Report
from qlint.reporters.probe_value import Probed, probe_report

from .capture.patches import Patches
from .dequantisation.clock import Step
from .dequantisation.modules import linear4bit_modules
from .dequantisation.rounds import half_spread
from .dequantisation.shares import Direct
from .environment import environment, gpu_index
from .gpu_watch import GpuWatch

_WARM_UP = 2
_NOT_LIVE = "it takes steps of its own, and this run goes on: use qlint probe"
_METHOD = "native dequantisation functions timed in every second step of the run itself"


class ProbeCallback(TrainerCallback):  # type: ignore[misc]  # transformers is Any to mypy.
    """Times ``2 * steps`` steps after the warm-up, every second with its dequantisation, and goes.

    The losses and weights of the run are what they would have been. ``report`` is the report, in
    the form of ``qlint probe``, once it is done; a summary goes to standard error.
    """

    def __init__(self, steps: int = 20) -> None:
        self.report: dict[str, Any] | None = None
        self._steps = steps
        self._seen = 0
        self._direct: Direct | None = None
        self._device = torch.device("cpu")
        self._patches: Patches | None = None
        self._watch: GpuWatch | None = None
        self._plain: list[Step] = []
        self._hooked: list[Step] = []
        self._started = (0.0, 0.0)
        self._name = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Find the 4-bit layers."""
        model = more["model"]
        self._device = next(model.parameters()).device
        self._name = type(model).__name__
        self._direct = Direct(self._device, linear4bit_modules(model))
        self._watch = GpuWatch(gpu_index(self._device))
        self._watch.__enter__()

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Every second step after the warm-up is hooked."""
        if self._direct is None:
            return
        self._seen += 1
        if self._seen > _WARM_UP and self._seen % 2 == 0:
            self._patches = Patches()
            self._direct.install(self._patches)
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._started = self._now()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Take its time, and unhook it."""
        if self._direct is None:
            return
        wall, processor = (
            end - start for end, start in zip(self._now(), self._started, strict=True)
        )
        cuda = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if cuda else None
        step = Step(wall, wall if cuda else processor, peak)
        if self._patches is not None:
            self._patches.close()
            self._patches = None
            self._hooked.append(step)
        elif self._seen > _WARM_UP:
            self._plain.append(step)
        if len(self._hooked) >= self._steps:
            self._finish()

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """A short run ends before all steps are taken."""
        if self._direct is not None:
            self._finish()

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()

    def _finish(self) -> None:
        from qlint.reporters.probe_text import probe
        from qlint.reporters.sinks import render

        assert self._watch is not None
        if self._patches is not None:
            self._patches.close()
        self._watch.__exit__(None, None, None)
        probed = Probed(
            report=Report(),
            recipe=None,
            name=f"{self._name}, while it trained",
            steps=len(self._plain) + len(self._hooked),
            interrupted=False,
            probes={
                "dequant": self._dequantisation(),
                "activations": self._memory(),
                "learning_rate": {"skipped": _NOT_LIVE},
                "adapters": {"skipped": _NOT_LIVE},
            },
            environment=environment(self._device, self._watch, _WARM_UP),
            verdicts=(),
        )
        self._direct = None
        self.report = probe_report(probed)
        print(render(probe(probed), color=False), file=sys.stderr)

    def _dequantisation(self) -> dict[str, Any]:
        assert self._direct is not None
        if not self._direct.modules:
            return {"skipped": "no layer of the model is stored in 4 bits by bitsandbytes"}
        if not self._hooked or not self._plain:
            return {"skipped": "the run ended before enough steps were taken"}
        shares = self._direct.shares(self._hooked)
        problem = shares.problem()
        if problem is not None:
            return {"skipped": problem}
        times = [step.seconds for step in self._plain]
        return {
            "skipped": None,
            "share": shares.by_phase(),
            "step_seconds": median(step.wall_seconds for step in self._plain),
            "method": _METHOD,
            # Steps of a real run differ by their data as well.
            "noise": half_spread(times) / median(times),
            "overhead": median(step.seconds for step in self._hooked) / median(times) - 1,
            "cross_check": None,
            "by_module": shares.by_module(),
        }

    def _memory(self) -> dict[str, Any]:
        """The run's peak is one figure; by module and mode it would take steps of its own."""
        return {"skipped": _NOT_LIVE}
