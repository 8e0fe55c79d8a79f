"""The Python interface: measure a model and its batches where they are, in a loop of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import torch

from qlint.errors import UsageError
from qlint.linting.report import Report
from qlint.reporters.probe_value import Probed, probe_report
from qlint.reporters.sinks import render

from .capture.unsupported import without_unsloth
from .measurement import Measurement
from .probes import Wanted, measure_all
from .progress import Progress
from .replay.state import Randomness, State
from .replay.supplied_run import Loss, SuppliedRun, windows_of
from .silence import quiet_replay

_HELD_OUT = 4
_NO_OPTIMIZER = "no optimizer was given, so that the run has no learning rate"


class Probe:
    """Measures when it is first asked for something; leaving the block puts everything back.

    All probes run, as for a script. ``batches`` are what ``model(**batch)`` or ``loss`` takes; a
    generator is used up. Without ``optimizer`` there is no learning rate to try others beside, and
    the rest is measured under AdamW. What is put back: what is trained and its gradients, buffers,
    optimizer, scheduler, and the random generators.

    Raises UsageError where nothing can be measured: nothing is trained, batches are too few, or the
    model is Unsloth's.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        batches: Iterable[Any],
        *,
        optimizer: torch.optim.Optimizer | None = None,
        scheduler: Any = None,
        loss: Loss | None = None,
        gradient_accumulation_steps: int = 1,
        max_grad_norm: float | None = 1.0,
        steps: int = 20,
        only: tuple[str, ...] = (),
        budget_seconds: float | None = None,
        quiet: bool = False,
    ) -> None:
        without_unsloth()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trained:
            raise UsageError("no parameter of the model is trained: add adapters first.")
        self._randomness = Randomness.now()
        self._gradients: list[tuple[torch.nn.Parameter, torch.Tensor | None]] = []
        device = trained[0].device
        wanted = (steps + _HELD_OUT) * gradient_accumulation_steps
        taken = [_moved(batch, device) for batch in itertools.islice(iter(batches), wanted)]
        windows = windows_of(taken, gradient_accumulation_steps)
        if not windows:
            raise UsageError(
                f"{len(taken)} batches are fewer than one step of {gradient_accumulation_steps}."
            )
        kept = len(windows) - min(_HELD_OUT, len(windows) // 4)
        self._run = SuppliedRun(
            model,
            windows[:kept],
            windows[kept:],
            optimizer if optimizer is not None else torch.optim.AdamW(trained, lr=1e-4),
            scheduler=scheduler,
            loss=loss,
            max_grad_norm=max_grad_norm,
        )
        missing = _NO_OPTIMIZER if optimizer is None else None
        self._wanted = Wanted(steps, only, budget_seconds, missing)
        self._progress = Progress(quiet=quiet)
        self._state: State | None = None
        self._measured: Measurement | None = None

    def __enter__(self) -> Probe:
        self._state = self._run.save()
        self._gradients = [(one, one.grad) for one in self._run.model.parameters()]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._state is not None:
            self._state.restore()
            self._randomness.restore()
            for parameter, gradient in self._gradients:
                parameter.grad = gradient

    def report(self) -> dict[str, Any]:
        """The report of ``qlint probe --output-format json``."""
        return probe_report(self._probed())

    def text(self) -> str:
        """The summary, as ``qlint probe`` prints it."""
        from qlint.reporters.probe_text import probe

        return render(probe(self._probed()), color=False)

    def html(self) -> str:
        """The page of ``qlint probe --output-format html``."""
        from qlint.reporters.probe_html import page

        return page(self._probed())

    def _probed(self) -> Probed:
        if self._measured is None:
            if self._state is None:
                raise UsageError("measure inside of the block: with qlint.probe(...) as probe:")
            self._measured = Measurement()
            for parameter, _ in self._gradients:
                parameter.grad = None
            with quiet_replay():
                measure_all(self._run, self._wanted, self._measured, self._progress)
        return without_script(self._measured)


def without_script(measured: Measurement) -> Probed:
    """What was measured, beside no findings: there is no script to find them in."""
    return Probed(
        report=Report(),
        recipe=None,
        name=measured.name,
        steps=measured.steps,
        interrupted=measured.interrupted,
        probes=measured.probes,
        environment=measured.environment,
        verdicts=(),
    )


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(item, device) for item in value)
    return value
