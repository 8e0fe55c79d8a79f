"""Capture of transformers' Trainer and of whatever inherits from it, TRL's trainers among them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from qlint.errors import UsageError

from ..replay.run import Run
from ..replay.trainer_run import TrainerRun
from ..replay.window import divided
from .patches import Patches
from .recorder import Recorder
from .stop import Recorded, ScriptFailed, Stopper
from .unsupported import sharded

Measure = Callable[[Run], None]


def install(
    patches: Patches, steps: int, held_out: int, measure: Measure, stopper: Stopper
) -> None:
    """Make the first ``trainer.train()`` record, call ``measure`` on the run, and stop the script.

    ``steps`` windows are for training, ``held_out`` more for evaluation.
    """
    import transformers

    def make(original: Any) -> Any:
        def train(self: Any, *arguments: Any, **named: Any) -> None:
            # The script's own handlers are not meant for what is raised here.
            if stopper.stopped:
                stopper.stop()
            try:
                run = record(self, original, steps, held_out, *_from_the_start(arguments, named))
            except UsageError as error:
                stopper.stop(error)
            except Exception as error:
                failure = ScriptFailed()
                failure.__cause__ = error
                stopper.stop(failure)
            try:
                measure(run)
            except Exception as error:
                stopper.stop(error)
            stopper.stop()

        return train

    patches.wrap(transformers.Trainer, "train", make)


def record(
    trainer: Any,
    train: Callable[..., Any],
    steps: int,
    held_out: int,
    arguments: tuple[Any, ...] = (),
    named: dict[str, Any] | None = None,
) -> Run:
    """Let ``train`` begin, record its windows, and return the run as it stands before step one.

    Raises UsageError where the trainer never takes a training step, or none that can be repeated.
    """
    problem = sharded(trainer)
    if problem is not None:
        raise UsageError(problem)
    with Patches() as patches:
        recorder = Recorder(trainer, steps + held_out, patches)
        patches.set(trainer, "_maybe_log_save_evaluate", _nothing)
        patches.set(trainer.callback_handler, "callbacks", _flow_only(trainer))
        with contextlib.suppress(Recorded):
            train(trainer, *arguments, **(named or {}))
    if not recorder.windows or recorder.model is None or recorder.randomness is None:
        raise UsageError(
            f"{type(trainer).__name__} never took a training step that can be recorded: its "
            "dataset is empty, max_steps is 0, or it computes its loss outside of compute_loss."
        )
    recorder.randomness.restore()
    windows = divided(recorder.windows, held_out)
    return TrainerRun(trainer, recorder.model, *windows, prepared=recorder.prepared)


def _from_the_start(
    arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """``resume_from_checkpoint=True`` means the last one in the output folder, which is another
    folder now: the run is measured from its start. A checkpoint that is named is loaded."""
    arguments = tuple(None if one is True and at == 0 else one for at, one in enumerate(arguments))
    if named.get("resume_from_checkpoint") is True:
        named = {**named, "resume_from_checkpoint": None}
    return arguments, named


def _flow_only(trainer: Any) -> list[Any]:
    """The callbacks that steer the loop; others may print, write, or start trackers."""
    from transformers.trainer_callback import DefaultFlowCallback

    return [
        one for one in trainer.callback_handler.callbacks if isinstance(one, DefaultFlowCallback)
    ]


def _nothing(*_: Any, **__: Any) -> None:
    """Stands for logging, saving and evaluating."""
