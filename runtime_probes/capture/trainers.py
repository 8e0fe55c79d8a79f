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
from .stop import Recorded, StopScript

Measure = Callable[[Run], None]


def install(patches: Patches, steps: int, held_out: int, measure: Measure) -> None:
    """Make the first ``trainer.train()`` record, call ``measure`` on the run, and stop the script.

    ``steps`` windows are for training, ``held_out`` more for evaluation.
    """
    import transformers

    def make(original: Any) -> Any:
        def train(self: Any, *arguments: Any, **named: Any) -> None:
            try:
                measure(record(self, original, steps, held_out, arguments, named))
            except Exception as error:
                raise StopScript from error  # The script's own handlers are not meant for it.
            raise StopScript

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

    Raises UsageError where the trainer never takes a training step.
    """
    with Patches() as patches:
        recorder = Recorder(trainer, steps + held_out, patches)
        patches.set(trainer, "training_step", recorder.training_step)
        patches.set(trainer, "_maybe_log_save_evaluate", _nothing)
        patches.set(trainer.callback_handler, "callbacks", _flow_only(trainer))
        with contextlib.suppress(Recorded):
            train(trainer, *arguments, **(named or {}))
    if not recorder.windows or recorder.model is None or recorder.randomness is None:
        raise UsageError(
            f"{type(trainer).__name__} never took a training step: its dataset is empty, or "
            "max_steps is 0."
        )
    recorder.randomness.restore()
    return TrainerRun(trainer, recorder.model, *divided(recorder.windows, held_out))


def _flow_only(trainer: Any) -> list[Any]:
    """The callbacks that steer the loop; others may print, write, or start trackers."""
    from transformers.trainer_callback import DefaultFlowCallback

    return [
        one for one in trainer.callback_handler.callbacks if isinstance(one, DefaultFlowCallback)
    ]


def _nothing(*_: Any, **__: Any) -> None:
    """Stands for logging, saving and evaluating."""
