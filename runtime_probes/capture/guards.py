"""Keeps the user's things as they are while their script runs.

Trackers are off, nothing is saved, nothing goes to the hub, and what the script would write to its
output folder goes to a temporary one. Whether code from the hub is trusted is left to the script.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from .patches import Patches

_VARIABLES = {
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "COMET_MODE": "DISABLED",
    "NEPTUNE_MODE": "debug",
    "SWANLAB_MODE": "disabled",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "CLEARML_OFFLINE_MODE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_FOLDERS = {
    "WANDB_DIR": "wandb",
    "MLFLOW_TRACKING_URI": "mlruns",
    "TENSORBOARD_LOGGING_DIR": "tensorboard",
    "TRACKIO_DIR": "trackio",
}
"""Variables that say where a tracker writes, which it does when the script calls it directly."""
_NO_SAVES = ("save_model", "save_state", "_save_checkpoint", "_save", "save_metrics", "log_metrics")
_NO_HUB = ("push_to_hub", "init_hf_repo", "create_model_card")
_HUB_WRITES = ("upload_folder", "upload_file", "upload_large_folder", "create_commit", "create_tag",
               "create_branch", "delete_repo", "delete_file", "delete_folder",
               "super_squash_history", "update_repo_settings")  # fmt: skip


def guard(patches: Patches, folder: str) -> None:
    """Put all guards in place; ``folder`` is the temporary one that outputs go to."""
    import peft
    import transformers
    from transformers.utils import hub

    for name, value in _VARIABLES.items():
        patches.variable(name, value)
    for name, place in _FOLDERS.items():
        patches.variable(name, os.path.join(folder, place))
    _redirect(patches, transformers.TrainingArguments, folder)
    for name in (*_NO_SAVES, *_NO_HUB):
        if hasattr(transformers.Trainer, name):
            patches.set(transformers.Trainer, name, _nothing)
    savers = [transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase]
    savers += [transformers.PretrainedConfig, transformers.GenerationConfig]
    for owner in savers:
        patches.set(owner, "save_pretrained", _nothing)
    patches.set(hub.PushToHubMixin, "push_to_hub", _nothing)
    _guard_hub(patches)
    _guard_saves(patches)
    patches.set(peft.PeftModel, "save_pretrained", _nothing)


def _guard_saves(patches: Patches) -> None:
    """No weights are written, by hand-written loops and ``finally`` blocks either."""
    import torch
    from accelerate import Accelerator
    from safetensors import torch as safetensors

    patches.set(torch, "save", _nothing)
    patches.set(safetensors, "save_file", _nothing)
    patches.set(safetensors, "save_model", _nothing)
    for name in ("save", "save_state", "save_model", "init_trackers"):
        patches.set(Accelerator, name, _nothing)


def _guard_hub(patches: Patches) -> None:
    """Nothing is created or changed on the hub, through the class or the functions bound to it."""
    import huggingface_hub
    from huggingface_hub import HfApi, hf_api

    def create_repo(*arguments: Any, **named: Any) -> Any:
        names = [one for one in (*arguments, named.get("repo_id")) if isinstance(one, str)]
        return hf_api.RepoUrl(f"https://huggingface.co/{names[0] if names else 'none/none'}")

    def login(token: str | None = None, *_: Any, **__: Any) -> None:
        """The token counts for this process; it is neither checked nor written to disk."""
        if token:
            patches.variable("HF_TOKEN", token)

    for owner in (HfApi, hf_api):
        for name in _HUB_WRITES:
            if hasattr(owner, name):
                patches.set(owner, name, _nothing)
        patches.set(owner, "create_repo", create_repo)
    for name in ("login", "notebook_login", "interpreter_login"):
        # Its names come and go lazily; looked up once, they are there to be replaced.
        if getattr(huggingface_hub, name, None) is not None:
            patches.set(huggingface_hub, name, login)


def _redirect(patches: Patches, arguments: Any, folder: str) -> None:
    """Every TrainingArguments, and whatever inherits from it, writes below ``folder``."""
    names = {field.name for field in dataclasses.fields(arguments)}

    def make(original: Any) -> Any:
        def redirected(self: Any) -> None:
            self.output_dir = folder
            if "logging_dir" in names:
                self.logging_dir = folder
            if "report_to" in names:
                self.report_to = "none"
            if "push_to_hub" in names:
                self.push_to_hub = False
            original(self)

        return redirected

    patches.wrap(arguments, "__post_init__", make)


def _nothing(*_: Any, **__: Any) -> None:
    """Stands for what would have left a trace."""
