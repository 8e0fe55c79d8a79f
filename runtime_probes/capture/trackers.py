"""Keeps trackers that the script calls itself from sending and writing anything."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from .imports import on_import
from .patches import Patches

_VARIABLES = {
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "COMET_MODE": "DISABLED",
    "NEPTUNE_MODE": "debug",
    "SWANLAB_MODE": "disabled",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "CLEARML_OFFLINE_MODE": "1",
    "DO_NOT_TRACK": "1",
    "AXOLOTL_DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_FOLDERS = {
    "WANDB_DIR": "wandb",
    "MLFLOW_TRACKING_URI": "mlruns",
    "TENSORBOARD_LOGGING_DIR": "tensorboard",
    "TRACKIO_DIR": "trackio",
}
"""Variables that say where a tracker writes, which it does when the script calls it directly."""
_WRITERS = ("torch.utils.tensorboard.writer", "tensorboardX.writer")


def silence(patches: Patches, folder: str) -> None:
    """Switch trackers off, and send to ``folder`` what those that know no such switch write."""
    for name, value in _VARIABLES.items():
        patches.item(os.environ, name, value)
    for name, place in _FOLDERS.items():
        patches.item(os.environ, name, os.path.join(folder, place))

    def writer(module: ModuleType) -> None:
        def make(original: Any) -> Any:
            def begin(self: Any, logdir: Any = None, *arguments: Any, **named: Any) -> None:
                for name in ("logdir", "log_dir"):
                    named.pop(name, None)
                original(self, os.path.join(folder, "tensorboard"), *arguments, **named)

            return begin

        patches.wrap(module.SummaryWriter, "__init__", make)

    def wandb(module: ModuleType) -> None:
        """``mode="online"`` in the script would count for more than the variable."""

        def make(original: Any) -> Any:
            def init(*arguments: Any, **named: Any) -> Any:
                return original(*arguments, **{**named, "mode": "disabled"})

            return init

        patches.wrap(module, "init", make)
        patches.set(module, "login", lambda *_, **__: True)

    on_import(patches, {**dict.fromkeys(_WRITERS, writer), "wandb": wandb})
