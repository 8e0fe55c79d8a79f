"""Keeps the user's things as they are while their script runs.

Trackers are off, nothing is saved, nothing goes to the hub, and what the script would write to its
output folder goes to a temporary one. Whether code from the hub is trusted is left to the script.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .folders import keep
from .imports import on_import
from .patches import Patches
from .trackers import silence

_VARIABLES = {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
_NO_SAVES = ("save_model", "save_state", "_save_checkpoint", "_save", "save_metrics", "log_metrics")
_NO_HUB = ("push_to_hub", "init_hf_repo", "create_model_card")
_HUB_WRITES = ("upload_folder", "upload_file", "upload_large_folder", "create_commit", "create_tag",
               "create_branch", "delete_repo", "delete_file", "delete_folder",
               "preupload_lfs_files", "super_squash_history", "update_repo_settings")  # fmt: skip


def guard(patches: Patches, folder: str) -> None:
    """Put all guards in place; ``folder`` is the temporary one that outputs go to."""
    import transformers
    from transformers.utils import hub

    for name, value in _VARIABLES.items():
        patches.item(os.environ, name, value)
    silence(patches, folder)
    keep(patches)
    _redirect(patches, transformers.TrainingArguments, folder)
    for name in (*_NO_SAVES, *_NO_HUB):
        if hasattr(transformers.Trainer, name):
            patches.set(transformers.Trainer, name, _nothing)
    for owner in _savers():
        patches.set(owner, "save_pretrained", _nothing)
    patches.set(hub.PushToHubMixin, "push_to_hub", _nothing)
    _guard_hub(patches)
    _guard_saves(patches)
    _stay_trainable(patches)


def _savers() -> Iterator[Any]:
    """The classes that save themselves, with the subclasses that do it in their own way."""
    import peft
    import transformers
    from transformers import image_processing_utils, processing_utils

    waiting: list[Any] = [
        transformers.PreTrainedModel,
        transformers.PreTrainedTokenizerBase,
        transformers.PretrainedConfig,
        transformers.GenerationConfig,
        transformers.FeatureExtractionMixin,
        image_processing_utils.BaseImageProcessor,
        processing_utils.ProcessorMixin,
        peft.PeftModel,
        peft.PeftMixedModel,
        peft.PeftConfig,
    ]
    yield from waiting
    while waiting:
        for subclass in waiting.pop().__subclasses__():
            waiting.append(subclass)
            if "save_pretrained" in vars(subclass):
                yield subclass


def _stay_trainable(patches: Patches) -> None:
    """An evaluation before training must not pack the 4-bit weights of a processor for inference.

    bitsandbytes does that, for good, on processors with AVX512-BF16; no gradient passes them then.
    """
    from bitsandbytes.nn import modules

    if hasattr(modules, "has_avx512bf16"):
        patches.set(modules, "has_avx512bf16", lambda: False)


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
            patches.item(os.environ, "HF_TOKEN", token)

    def datasets(module: ModuleType) -> None:
        for name in ("Dataset", "DatasetDict"):
            owner = getattr(module, name, None)
            if owner is not None:
                patches.set(owner, "push_to_hub", _nothing)

    on_import(patches, dict.fromkeys(("datasets.arrow_dataset", "datasets.dataset_dict"), datasets))
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
