"""The frameworks whose configurations are read, and which one a document belongs to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Protocol

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks.sheet import Sheet

FRAMEWORKS = (
    "torchtune", "axolotl", "llamafactory", "llamafactory_v1", "autotrain", "ludwig", "unsloth",
    "litgpt", "swift_megatron", "swift",
    "alignment_handbook", "trl", "training_arguments",
)  # fmt: skip
"""Names of modules beside this one; the most particular first, which wins where two are even."""


class FrameworkReader(Protocol):
    """What a framework's module offers."""

    def recognise(self, root: Mapping) -> float:
        """From 0 to 1: how sure it is that the document is the framework's."""

    def read(self, sheet: Sheet) -> None:
        """Fill in the fields of the run that the sheet's document configures."""


SCRIPTS = frozenset({
    "alpaca_lora", "chinese_alpaca", "fastchat", "openrlhf", "peft_sft", "qlora", "run_clm",
    "unsloth_script",
})  # fmt: skip
"""Names of modules in the folder of scripts: they have a command line and no configuration."""

_READ_AS = {"stranger": "training_arguments"}
"""Data files that another's module reads."""


@cache
def reader(name: str) -> FrameworkReader:
    """The module of a framework or a script, imported when it is first needed."""
    name = _READ_AS.get(name, name)
    folder = "scripts." if name in SCRIPTS else ""
    module: FrameworkReader = importlib.import_module(f"qlint.readers.frameworks.{folder}{name}")
    return module


def locator(name: str) -> Callable[[str, Mapping], str] | None:
    """Where an option of the framework stands in its configuration, if not under its own name."""
    found: Callable[[str, Mapping], str] | None = getattr(reader(name), "located", None)
    return found


_NEEDED = {
    "torchtune": ("optimizer",),
    "axolotl": ("base_model",),
    "llamafactory": ("model_name_or_path",),
    "llamafactory_v1": ("model_class", "micro_batch_size", "cutoff_len"),
    "autotrain": ("task",),
    "ludwig": ("model_type",),
    "unsloth": ("training",),
    "litgpt": ("train",),
    "swift_megatron": ("micro_batch_size", "global_batch_size", "recompute_granularity"),
    "swift": ("dataset",),
    "alignment_handbook": ("model_name_or_path",),
    "trl": ("model_name_or_path",),
    "training_arguments": ("per_device_train_batch_size", "num_train_epochs"),
}
"""Keys without any of which a document is not the framework's: spares the import of its module."""


def recognise(root: Mapping) -> str | None:
    """The framework a document belongs to; None where no one claims it."""
    best, name = 0.0, None
    entries = root.entries
    for candidate in FRAMEWORKS:
        if not any(key in entries for key in _NEEDED[candidate]):
            continue
        score = reader(candidate).recognise(root)
        if score == 1.0:
            return candidate
        if score > best:
            best, name = score, candidate
    return name
