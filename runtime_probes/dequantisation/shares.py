"""The direct measurement: time spent in the native functions over the time of the step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..capture.patches import Patches
from .clock import Clock, Step
from .modules import ModuleMarks, module_type
from .native import ABSMAX, FUSED, wrap_all
from .phases import PHASES, Phase, phase
from .rounds import half_spread
from .unseen import GraphReplays


@dataclass(slots=True)
class _Observed:
    clock: Clock
    marks: ModuleMarks
    graphs: GraphReplays
    native: int


@dataclass(slots=True)
class Direct:
    """Times the native functions of each step that it is installed in."""

    device: torch.device
    modules: dict[str, Any]
    _steps: list[_Observed] = field(default_factory=list)

    def install(self, patches: Patches) -> None:
        """The setting: one step with the native functions timed."""
        clock = Clock(self.device)
        marks = ModuleMarks(patches, self.modules)
        native = wrap_all(patches, _timed(clock, marks))
        self._steps.append(_Observed(clock, marks, GraphReplays(patches), native))

    def shares(self, steps: Sequence[Step]) -> Shares:
        """What the last ``len(steps)`` steps say; ``steps`` are their times."""
        return Shares(self._steps[-len(steps) :], steps, set(self.modules))


class Shares:
    """Fractions of the steps' time that dequantisation takes."""

    def __init__(
        self, observed: Sequence[_Observed], steps: Sequence[Step], modules: set[str]
    ) -> None:
        self._seconds: defaultdict[tuple[Phase, str], float] = defaultdict(float)
        self._each: list[dict[str, float]] = []
        """Fractions of each step, by phase and in ``total``."""
        self.calls: Counter[Phase] = Counter()
        """Weight dequantisations by phase."""
        self.due: Counter[Phase] = Counter()
        """Calls of 4-bit layers by phase."""
        self.fused: Counter[Phase] = Counter()
        """Multiplications fused with dequantisation, by phase."""
        self._fused_seconds = 0.0
        self.native = min((one.native for one in observed), default=0)
        """Native functions that could be wrapped."""
        self._graphs = sum(one.graphs.count for one in observed)
        self._never_ran = modules.difference(*(one.marks.entered for one in observed))
        self._total = sum(step.seconds for step in steps)
        self.step_count = len(steps)
        for one, step in zip(observed, steps, strict=True):
            self._add(one, step)

    def _add(self, one: _Observed, step: Step) -> None:
        one.clock.settle()
        self.due.update(one.marks.due)
        fractions = dict.fromkeys(("total", *PHASES), 0.0)
        for (where, kind, module), spent in one.clock.seconds.items():
            calls = one.clock.calls[where, kind, module]
            if kind == "fused":
                self.fused[where] += calls
                self._fused_seconds += spent
                continue
            self._seconds[where, module] += spent
            for name in ("total", where):
                fractions[name] += spent / step.seconds
            if kind == "weights":
                self.calls[where] += calls
        self._each.append(fractions)

    @property
    def seconds(self) -> float:
        """Seconds a step."""
        return sum(self._seconds.values()) / max(1, self.step_count)

    def by_phase(self) -> dict[str, float]:
        """``total`` and one entry for each phase, as fractions of a step."""
        phases: dict[str, float] = dict.fromkeys(PHASES, 0.0)
        for (where, _), spent in self._seconds.items():
            phases[where] += spent / self._total
        return {"total": sum(phases.values()), **phases}

    def noise(self) -> dict[str, float]:
        """Half the spread of the middle half of the steps, for each entry of ``by_phase``."""
        return {name: half_spread([one[name] for one in self._each]) for name in ("total", *PHASES)}

    def by_module(self) -> dict[str, float]:
        """The same by type of module, the most expensive first."""
        types: dict[str, float] = {}
        for (_, path), spent in self._seconds.items():
            name = module_type(path)
            types[name] = types.get(name, 0.0) + spent / self._total
        return dict(sorted(types.items(), key=lambda item: -item[1]))

    def of(self, paths: Collection[str]) -> float:
        """The fraction that these modules take."""
        return sum(s for (_, path), s in self._seconds.items() if path in paths) / self._total

    def fused_share(self) -> float:
        """The fraction that fused multiplications take, multiplying and dequantising together."""
        return self._fused_seconds / self._total

    def problem(self) -> str | None:
        """Why these figures must not be reported, if they must not.

        Each call of a 4-bit layer dequantises once. Calls that are missing, or too many, went a way
        that was not seen (a Triton kernel, a captured graph, a compiled backward, kernels of
        another library); no figure is better than one that is too low.
        """
        if not self.native:
            return "bitsandbytes has no native functions here that Python calls"
        if self._graphs and self._never_ran:
            return (
                f"{len(self._never_ran)} of the 4-bit layers never ran in Python, but CUDA graphs "
                "were replayed: what is in a graph is not seen"
            )
        if not self.due["forward"]:
            return "no 4-bit layer ran its forward in Python, where it could be seen"
        for where in PHASES:
            if self.calls[where] + self.fused[where] != self.due[where]:
                return (
                    f"{self.calls[where] + self.fused[where]} dequantisations were seen in the "
                    f"{where} of {self.due[where]} calls of 4-bit layers: weights are dequantised "
                    "in a way that is not seen"
                )
        if self.fused:
            return self._fused_problem()
        return None

    def _fused_problem(self) -> str:
        phases = " and ".join(name for name in PHASES if self.fused[name])
        least = self.by_phase()["total"]
        return (
            f"{self.fused.total()} of {self.due.total()} multiplications were fused with "
            f"dequantisation, in the {phases}: what part of them is dequantisation cannot be "
            f"told, so that it takes between {least:.1%} and {least + self.fused_share():.1%} of "
            "a step"
        )


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
