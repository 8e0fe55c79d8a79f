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


def facts_of(sheet: Sheet) -> dict[str, Field]:
    """The facts that are written in a configuration."""
    for key in _FUSED_LOSS:
        if sheet.on(key):
            return {"use_liger_kernel": sheet.concluded(key, True)}
    plugins = sheet.value("plugins")
    named = plugins if isinstance(plugins, list) else [plugins]
    if any(isinstance(name, str) and _PLUGIN in name for name in named):
        return {"use_liger_kernel": sheet.concluded("plugins", True)}
    return {}
