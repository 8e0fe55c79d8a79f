"""What tells one architecture from another: names of its linear modules, norms and traits.

Keyed by ``model_type`` of the configuration; read in ``modeling_*.py`` of transformers 5.23, and
for ``internlm2`` in the model's own code. A type that is not here is not guessed.
"""

from __future__ import annotations

from qlint.knowledge.shapes import Make
from qlint.records import Record, replace

_USUAL = Make()


class Architecture(Record):
    """How a ``model_type`` names and arranges what a layer is made of.

    ``attention`` and ``feed_forward`` name linear modules with their path in the layer: queries,
    keys, values, output (or the fused one, output), and gate, up, down (or fused, down; or the two
    of a plain one).
    """

    make: Make = _USUAL
    attention: tuple[str, ...] = tuple(f"self_attn.{name}_proj" for name in "qkvo")
    feed_forward: tuple[str, ...] = tuple(f"mlp.{name}_proj" for name in ("gate", "up", "down"))
    layer_path: str = "model.layers.{}."
    query_bias: bool | str = False
    """Bias of queries, keys and values: fixed, or the key of the configuration that says so."""
    output_bias: bool | str = False
    feed_forward_bias: bool | str = False
    norms: int = 2
    """Norms of the hidden size in a layer."""
    tied: bool = False
    """The default of ``tie_word_embeddings`` where a configuration does not say."""
    output_layer_bias: bool = False
    experts: str = ""
    """Path of the experts in a layer, where the architecture has them."""
    router: str = ""
    on_by_default: frozenset[str] = frozenset()
    """Flags of the configuration that count as true where it does not say."""


_LLAMA = Architecture(
    query_bias="attention_bias", output_bias="attention_bias", feed_forward_bias="mlp_bias"
)
_QWEN2 = Architecture(query_bias=True)
_GEMMA = Architecture(
    Make(norm="rms-plus-one", scaled_embedding=True),
    query_bias="attention_bias",
    output_bias="attention_bias",
    tied=True,
)
_QWEN3 = Architecture(
    Make(head_norm="heads"), query_bias="attention_bias", output_bias="attention_bias"
)
_OPT_LAYERS = "model.decoder.layers.{}."
_PLAIN = ("mlp.fc1", "mlp.fc2")

ARCHITECTURES: dict[str, Architecture] = {
    "llama": _LLAMA,
    "mistral": Architecture(),
    "ministral": Architecture(),
    "granite": _LLAMA,
    "smollm3": _LLAMA,
    "seed_oss": Architecture(
        query_bias="attention_bias",
        output_bias="attention_out_bias",
        feed_forward_bias="mlp_bias",
        on_by_default=frozenset({"attention_bias"}),
    ),
    "arcee": Architecture(
        Make(gated=False),
        feed_forward=("mlp.up_proj", "mlp.down_proj"),
        query_bias="attention_bias",
        output_bias="attention_bias",
        feed_forward_bias="mlp_bias",
    ),
    "internlm3": Architecture(query_bias="qkv_bias", output_bias="bias", feed_forward_bias="bias"),
    "internlm2": Architecture(
        Make(fused_query_key_value=True),
        attention=("attention.wqkv", "attention.wo"),
        feed_forward=tuple(f"feed_forward.w{number}" for number in (1, 3, 2)),
        query_bias="bias",
        output_bias="bias",
    ),
    "qwen2": _QWEN2,
    "qwen3": _QWEN3,
    "qwen2_moe": replace(_QWEN2, experts="mlp.experts.*.", router="mlp.gate"),
    "qwen3_moe": replace(_QWEN3, experts="mlp.experts.*.", router="mlp.gate"),
    "mixtral": Architecture(
        feed_forward=("w1", "w3", "w2"),
        experts="block_sparse_moe.experts.*.",
        router="block_sparse_moe.gate",
    ),
    "olmoe": Architecture(
        Make(head_norm="all"),
        query_bias="attention_bias",
        output_bias="attention_bias",
        experts="mlp.experts.*.",
        router="mlp.gate",
    ),
    "gpt_oss": Architecture(
        Make(activation_copies=4),
        query_bias="attention_bias",
        output_bias="attention_bias",
        feed_forward=("gate_up_proj", "down_proj"),
        experts="mlp.experts.",
        router="mlp.router",
        on_by_default=frozenset({"attention_bias"}),
    ),
    "deepseek_v2": Architecture(
        query_bias="attention_bias",
        output_bias="attention_bias",
        experts="mlp.experts.*.",
        router="mlp.gate",
    ),
    "deepseek_v3": Architecture(
        query_bias="attention_bias",
        output_bias="attention_bias",
        experts="mlp.experts.*.",
        router="mlp.gate",
    ),
    "glm4_moe": Architecture(
        Make(rotated_share=0.5),
        query_bias="attention_bias",
        experts="mlp.experts.*.",
        router="mlp.gate",
    ),
    "llama4_text": Architecture(
        query_bias="attention_bias",
        output_bias="attention_bias",
        experts="feed_forward.experts.",
        router="feed_forward.router",
        feed_forward=tuple(f"feed_forward.{name}_proj" for name in ("gate", "up", "down")),
    ),
    "gemma": _GEMMA,
    "gemma2": replace(
        _GEMMA,
        make=Make(
            norm="rms-plus-one",
            placement="around",
            scaled_embedding=True,
            attention_softcap=True,
            logit_softcap=True,
        ),
        norms=4,
    ),
    "gemma3_text": replace(
        _GEMMA,
        make=Make(
            norm="rms-plus-one", placement="around", scaled_embedding=True, head_norm="heads"
        ),
        norms=4,
    ),
    "phi3": Architecture(
        Make(fused_query_key_value=True, fused_gate_up=True, joined_rotation=True),
        attention=("self_attn.qkv_proj", "self_attn.o_proj"),
        feed_forward=("mlp.gate_up_proj", "mlp.down_proj"),
    ),
    "glm": Architecture(
        Make(fused_gate_up=True, rotated_share=0.5),
        feed_forward=("mlp.gate_up_proj", "mlp.down_proj"),
        query_bias="attention_bias",
    ),
    "glm4": Architecture(
        Make(fused_gate_up=True, rotated_share=0.5, placement="around"),
        feed_forward=("mlp.gate_up_proj", "mlp.down_proj"),
        query_bias="attention_bias",
        norms=4,
    ),
    "olmo": Architecture(
        query_bias="attention_bias", output_bias="attention_bias", norms=0, tied=False
    ),
    "olmo2": Architecture(
        Make(placement="after", head_norm="all"),
        query_bias="attention_bias",
        output_bias="attention_bias",
    ),
    "olmo3": Architecture(
        Make(placement="after", head_norm="all"),
        query_bias="attention_bias",
        output_bias="attention_bias",
    ),
    "phi": Architecture(
        Make(
            norm="layer", placement="parallel", gated=False, rotated_share=0.4, activation_copies=4
        ),
        attention=(*(f"self_attn.{name}_proj" for name in "qkv"), "self_attn.dense"),
        feed_forward=_PLAIN,
        query_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        norms=1,
        output_layer_bias=True,
    ),
    "starcoder2": Architecture(
        Make(norm="layer", gated=False),
        feed_forward=("mlp.c_fc", "mlp.c_proj"),
        query_bias="use_bias",
        output_bias="use_bias",
        feed_forward_bias="use_bias",
        tied=True,
        on_by_default=frozenset({"use_bias"}),
    ),
    "stablelm": Architecture(Make(norm="layer", rotated_share=0.25), query_bias="use_qkv_bias"),
    "falcon": Architecture(
        Make(
            norm="layer",
            placement="parallel",
            own_linears=True,
            gated=False,
            fused_query_key_value=True,
        ),
        attention=("self_attention.query_key_value", "self_attention.dense"),
        feed_forward=("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        layer_path="transformer.h.{}.",
        query_bias="bias",
        output_bias="bias",
        feed_forward_bias="bias",
        norms=1,
        tied=True,
    ),
    "gpt_neox": Architecture(
        Make(
            norm="layer",
            placement="parallel",
            gated=False,
            fused_query_key_value=True,
            rotated_share=0.25,
        ),
        attention=("attention.query_key_value", "attention.dense"),
        feed_forward=("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        layer_path="gpt_neox.layers.{}.",
        query_bias=True,
        output_bias=True,
        feed_forward_bias=True,
    ),
    "opt": Architecture(
        Make(norm="layer", gated=False, rotated_share=0.0, residual_dropout=0.1),
        attention=(*(f"self_attn.{name}_proj" for name in "qkv"), "self_attn.out_proj"),
        feed_forward=("fc1", "fc2"),
        layer_path=_OPT_LAYERS,
        query_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        tied=True,
    ),
    "bloom": Architecture(
        Make(norm="layer", gated=False, fused_query_key_value=True, rotated_share=0.0),
        attention=("self_attention.query_key_value", "self_attention.dense"),
        feed_forward=("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
        layer_path="transformer.h.{}.",
        query_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        tied=True,
    ),
    "gpt_bigcode": Architecture(
        Make(norm="layer", gated=False, fused_query_key_value=True, rotated_share=0.0),
        attention=("attn.c_attn", "attn.c_proj"),
        feed_forward=("mlp.c_fc", "mlp.c_proj"),
        layer_path="transformer.h.{}.",
        query_bias=True,
        output_bias=True,
        feed_forward_bias=True,
        tied=True,
    ),
}

TEXT_OF: dict[str, str] = {
    "gemma3": "gemma3_text",
    "llama4": "llama4_text",
    "mistral3": "mistral",
    "llava": "llama",
}
"""Models that also read images: the type of their text half where its configuration is silent."""
