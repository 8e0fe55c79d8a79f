"""After an error that a card does not recover from there is a report, and no traceback."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

pytest.importorskip("bitsandbytes")

from quadratic_run import QuadraticRun

probes: Any = importlib.import_module("qlint.runtime_probes.probes")
Measurement: Any = importlib.import_module("qlint.runtime_probes.measurement").Measurement
progress: Any = importlib.import_module("qlint.runtime_probes.progress")
ASSERTED = "CUDA error: device-side assert triggered"


class Lost(QuadraticRun):
    """Its device answers nothing any more after some steps."""

    steps = 0

    def forward_backward(self, window: Any) -> float:
        self.steps += 1
        self._check()
        return super().forward_backward(window)

    def save(self) -> Any:
        state = super().save()
        state.also(self._check)
        return state

    def _check(self) -> None:
        if self.steps > 6:
            raise RuntimeError(f"{ASSERTED}\nCompile with `TORCH_USE_CUDA_DSA`")


def test_what_was_measured_before_is_reported() -> None:
    result = Measurement()

    wanted = probes.Wanted(3, ("lr",))

    probes.measure_all(Lost(0.1), wanted, result, progress.Progress(quiet=True))

    assert result.probes["adapters"]["parameters"] == 4
    assert result.probes["learning_rate"] == {"skipped": f"the device failed: {ASSERTED}"}
    assert result.environment["device"] == "cpu"
