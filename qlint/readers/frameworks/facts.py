"""What a configuration says beside the recipe's fields, as far as memory depends on it."""

from __future__ import annotations

from qlint.readers.frameworks.sheet import Sheet
from qlint.recipe import Field

_FUSED_LOSS = (
    "use_liger_kernel",
    "enable_liger_kernel",
    "liger_fused_linear_cross_entropy",
    "cut_cross_entropy",
    "chunked_cross_entropy",
)
"""Keys of transformers and ms-swift, of LLaMA-Factory, and of axolotl: a loss that never has all
logits."""
_PLUGIN = "cut_cross_entropy"
"""Axolotl's plugin of this name turns its key on."""


_METHODS = ("rl", "rlhf_type", "stage", "task")
"""Keys of axolotl, ms-swift, LLaMA-Factory, and AutoTrain, whose tasks are called llm-orpo."""


def facts_of(sheet: Sheet) -> dict[str, Field]:
    """The facts that are written in a configuration."""
    facts = {"use_liger_kernel": _fused_loss(sheet), "method": _method(sheet)}
    return {name: field for name, field in facts.items() if field is not None}


def _fused_loss(sheet: Sheet) -> Field | None:
    for key in _FUSED_LOSS:
        if sheet.on(key):
            return sheet.concluded(key, True)
    plugins = sheet.value("plugins")
    named = plugins if isinstance(plugins, list) else [plugins]
    if any(isinstance(name, str) and _PLUGIN in name for name in named):
        return sheet.concluded("plugins", True)
    return None


def _method(sheet: Sheet) -> Field | None:
    for key in _METHODS:
        written = sheet.value(key)
        if isinstance(written, str) and (key != "task" or written.startswith("llm-")):
            return sheet.concluded(key, written.removeprefix("llm-"))
    return None
