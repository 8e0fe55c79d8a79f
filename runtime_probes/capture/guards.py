"""Keeps the user's things as they are while their script runs.

Trackers are off, nothing is saved, nothing goes to the hub, the network is not asked, and what the
script would write to its output folder goes to a temporary one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from .patches import Patches

_VARIABLES = {
    "WANDB_MODE": "disabled",
    "WANDB_DISABLED": "true",
    "WANDB_SILENT": "true",
    "MLFLOW_TRACKING_URI": "",
    "COMET_MODE": "DISABLED",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "CLEARML_OFFLINE_MODE": "1",
    "TENSORBOARD_LOGGING_DIR": "",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_NO_SAVES = ("save_model", "save_state", "_save_checkpoint", "_save", "save_metrics", "log_metrics")
_NO_HUB = ("push_to_hub", "init_hf_repo", "create_model_card")


def guard(patches: Patches, folder: str) -> None:
    """Put all guards in place; ``folder`` is the temporary one that outputs go to."""
    import transformers
    from huggingface_hub import HfApi
    from transformers.utils import hub

    for name, value in _VARIABLES.items():
        patches.variable(name, value)
    _redirect(patches, transformers.TrainingArguments, folder)
    for name in (*_NO_SAVES, *_NO_HUB):
        if hasattr(transformers.Trainer, name):
            patches.set(transformers.Trainer, name, _nothing)
    for owner in (transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase):
        patches.set(owner, "save_pretrained", _nothing)
    patches.set(hub.PushToHubMixin, "push_to_hub", _nothing)
    for name in ("create_repo", "upload_folder", "upload_file", "create_commit"):
        patches.set(HfApi, name, _nothing)
    try:
        from peft import PeftModel
    except ImportError:
        return
    patches.set(PeftModel, "save_pretrained", _nothing)


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
