"""A transformers configuration for each model shape that qlint knows."""

from __future__ import annotations

from typing import Any

from qlint.knowledge.models import Model

_LLAMA_LIKE = {
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "mixtral", "gpt_neox", "phi",
}  # fmt: skip


def config_of(shape: Model) -> dict[str, Any]:
    """The content of a ``config.json`` with the sizes of ``shape``.

    Raises:
        ValueError: The architecture's own names for its sizes are not known here.
    """
    if shape.architecture not in _LLAMA_LIKE:
        raise ValueError(
            f"The architecture {shape.architecture!r} needs the model's own config.json."
        )
    config = {
        "model_type": shape.architecture,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.attention_heads,
        "num_key_value_heads": shape.key_value_heads,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied_embeddings,
        "max_position_embeddings": 1 << 20,
    }
    if shape.head_dim * shape.attention_heads != shape.hidden_size:
        config["head_dim"] = shape.head_dim
    return config
