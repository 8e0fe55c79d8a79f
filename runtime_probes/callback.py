"""Measures a real training run without stopping it: a callback for transformers' trainers."""

from __future__ import annotations

import sys
from typing import Any

from transformers import TrainerCallback

from qlint.reporters.probe_value import probe_report

from .api import without_script
from .capture.unsupported import without_unsloth
from .live import Live
from .measurement import Measurement

_NOT_LIVE = "its trials take steps of their own, and this run goes on: use qlint probe"


class ProbeCallback(TrainerCallback):  # type: ignore[misc]  # transformers is Any to mypy.
    """Measures some ``2 * steps`` steps after the warm-up, and is silent from then on.

    The losses and weights of the run are what they would have been. ``report`` is the report, in
    the form of ``qlint probe``, once it is done; a summary goes to standard error. Dequantisation,
    the peak of the run's own steps and what is trained are measured; other rates are not tried.

    Raises UsageError, when training begins, for a run with Unsloth.
    """

    def __init__(self, steps: int = 20) -> None:
        self.report: dict[str, Any] | None = None
        self._steps = steps
        self._live: Live | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Find the 4-bit layers."""
        without_unsloth()
        self.close()
        self._live = Live(more["model"], more["optimizer"], self._steps)

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Called ahead of the first micro-batch."""
        if self._live is not None:
            self._live.begin_step()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Called when gradients are clipped."""
        if self._live is not None:
            self._live.count_gradients()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Called after the optimizer's step."""
        if self._live is not None:
            self._live.end_step()
            if self._live.done:
                self._finish(self._live, more["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """A short run ends before all steps are taken."""
        if self._live is not None:
            self._live.close()
            self._finish(self._live, more["model"])

    def close(self) -> None:
        """Leave nothing hooked: for a run that an exception or Ctrl-C has ended."""
        if self._live is not None:
            self._live.close()
            self._live = None

    def _finish(self, live: Live, model: Any) -> None:
        from qlint.reporters.probe_text import probe
        from qlint.reporters.sinks import render

        self._live = None
        measured = Measurement(name=f"{type(model).__name__}, while it trained")
        live.fill(measured, _NOT_LIVE)
        probed = without_script(measured)
        self.report = probe_report(probed)
        print(render(probe(probed), color=False), file=sys.stderr)
