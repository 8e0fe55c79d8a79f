"""The layers of a model from its sizes: which linear modules each kind of layer has."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.knowledge.architectures import Architecture
from qlint.knowledge.shapes import Block, Linear, Make, Mixture
from qlint.knowledge.sizes import Sizes
from qlint.records import replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def decoder_blocks(
    architecture: Architecture,
    make: Make,
    sizes: Sizes,
    config: Mapping[str, Any],
    norm_width: int,
) -> tuple[Block, ...]:
    """Every kind of decoder layer with the number of layers of it."""
    attention, inside = _attention(architecture, make, sizes, config)
    small = _norms(architecture, sizes, config) * norm_width + inside
    dense = Block(
        layers=sizes.layers,
        linears=(*attention, *_feed_forward(architecture, sizes, config, sizes.intermediate)),
        small_parameters=small,
        intermediate_size=sizes.intermediate,
        sliding_window=_window(config),
    )
    if not architecture.experts:
        return _by_reach(dense, config)
    sparse = _sparse(architecture, sizes, config, attention, small)
    dense_layers = _dense_layers(config, sizes)
    if dense_layers == 0:
        return _by_reach(replace(sparse, layers=sizes.layers), config)
    wide = _whole(config, "intermediate_size_mlp")
    if wide:
        linears = (*attention, *_feed_forward(architecture, sizes, config, wide))
        dense = replace(dense, linears=linears, intermediate_size=wide)
    return (
        replace(dense, layers=dense_layers),
        replace(sparse, layers=sizes.layers - dense_layers),
    )


_FULL_EVERY = {"gemma2": 2, "gemma3_text": 6, "gpt_oss": 2, "olmo3": 4}
"""Of so many layers the last one looks at the whole sequence, the others through a window."""


def _by_reach(block: Block, config: Mapping[str, Any]) -> tuple[Block, ...]:
    """The layers that look through the window, and those that see everything."""
    kinds = config.get("layer_types")
    every = _FULL_EVERY.get(str(config.get("model_type")))
    if isinstance(kinds, list) and len(kinds) == block.layers:
        full = kinds.count("full_attention")
    elif every is not None:
        full = block.layers // (_whole(config, "sliding_window_pattern") or every)
    else:
        return (block,)
    parts = (
        replace(block, layers=block.layers - full),
        replace(block, layers=full, sliding_window=None),
    )
    return tuple(part for part in parts if part.layers)


def _attention(
    architecture: Architecture, make: Make, sizes: Sizes, config: Mapping[str, Any]
) -> tuple[tuple[Linear, ...], int]:
    """Linear modules of attention, and the parameters in it that are no linear."""
    if make.latent is not None:
        return _latent_attention(make.latent, sizes, config)
    bias = _flag(architecture.query_bias, config)
    output_bias = _flag(architecture.output_bias, config)
    queries = sizes.heads * sizes.head_dim
    keys = sizes.key_value_heads * sizes.head_dim
    *names, output = architecture.attention
    widths = [queries + 2 * keys] if make.fused_query_key_value else [queries, keys, keys]
    inputs = [
        Linear(name, sizes.hidden, width, bias) for name, width in zip(names, widths, strict=True)
    ]
    inside = {"none": 0, "heads": 2 * sizes.head_dim, "all": queries + keys}[make.head_norm]
    if config.get("model_type") == "gpt_oss":
        inside += sizes.heads  # the sink of each head
    return (*inputs, Linear(output, queries, sizes.hidden, output_bias)), inside


def _latent_attention(
    latent: tuple[int, int, int, int, int], sizes: Sizes, config: Mapping[str, Any]
) -> tuple[tuple[Linear, ...], int]:
    query_rank, rank, plain, rotary, value = latent
    bias = config.get("attention_bias") is True
    queries = sizes.heads * (plain + rotary)
    path = "self_attn."
    to_queries: tuple[Linear, ...]
    if query_rank:
        to_queries = (
            Linear(f"{path}q_a_proj", sizes.hidden, query_rank, bias),
            Linear(f"{path}q_b_proj", query_rank, queries),
        )
    else:
        to_queries = (Linear(f"{path}q_proj", sizes.hidden, queries),)
    return (
        *to_queries,
        Linear(f"{path}kv_a_proj_with_mqa", sizes.hidden, rank + rotary, bias),
        Linear(f"{path}kv_b_proj", rank, sizes.heads * (plain + value)),
        Linear(f"{path}o_proj", sizes.heads * value, sizes.hidden, bias),
    ), rank + query_rank


def _feed_forward(
    architecture: Architecture, sizes: Sizes, config: Mapping[str, Any], width: int
) -> tuple[Linear, ...]:
    bias = _flag(architecture.feed_forward_bias, config)
    *names, down = architecture.feed_forward
    doubled = architecture.make.gated and len(names) == 1
    wide = 2 * width if doubled else width
    return (
        *(Linear(name, sizes.hidden, wide, bias) for name in names),
        Linear(down, width, sizes.hidden, bias),
    )


def _sparse(
    architecture: Architecture,
    sizes: Sizes,
    config: Mapping[str, Any],
    attention: tuple[Linear, ...],
    small: int,
) -> Block:
    """A layer with experts: each is a gated feed-forward part of its own."""
    experts = next(
        (
            number
            for key in ("num_local_experts", "n_routed_experts", "num_experts")
            if (number := _whole(config, key))
        ),
        1,
    )
    width = _whole(config, "moe_intermediate_size") or sizes.intermediate
    prefix, model_type = architecture.experts, str(config.get("model_type"))
    bias = model_type == "gpt_oss"
    names = [name.rsplit(".", 1)[-1] for name in architecture.feed_forward]
    *into, down = names
    wide = 2 * width if len(into) == 1 else width
    linears = (
        *attention,
        *(Linear(prefix + name, sizes.hidden, wide, bias, experts, "expert") for name in into),
        Linear(prefix + down, width, sizes.hidden, bias, experts, "expert"),
        Linear(architecture.router, sizes.hidden, experts, bias, 1, "router"),
    )
    shared = _shared_width(config, width, model_type)
    if shared:
        path = "feed_forward.shared_expert." if model_type == "llama4_text" else "mlp.shared_expert"
        path = f"{path}s." if _shares_several(model_type) else f"{path.rstrip('.')}."
        linears += tuple(Linear(path + name, sizes.hidden, shared) for name in into)
        linears += (Linear(path + down, shared, sizes.hidden),)
        if model_type == "qwen2_moe":
            linears += (Linear("mlp.shared_expert_gate", sizes.hidden, 1),)
    if model_type in ("deepseek_v3", "glm4_moe"):
        small += experts  # the correction bias of the router
    chosen = _whole(config, "num_experts_per_tok") or 1
    return Block(
        layers=sizes.layers,
        linears=linears,
        small_parameters=small,
        intermediate_size=width,
        mixture=Mixture(experts, min(chosen, experts), shared),
        sliding_window=_window(config),
    )


def _shared_width(config: Mapping[str, Any], width: int, model_type: str) -> int:
    if model_type == "llama4_text":
        return width
    if _shares_several(model_type):
        return width * (_whole(config, "n_shared_experts") or 0)
    return _whole(config, "shared_expert_intermediate_size") or 0


def _shares_several(model_type: str) -> bool:
    """The configuration counts the experts that every token passes (``n_shared_experts``)."""
    return model_type.startswith("deepseek") or model_type == "glm4_moe"


def _dense_layers(config: Mapping[str, Any], sizes: Sizes) -> int:
    """Layers of a mixture that have no experts."""
    step = _whole(config, "interleave_moe_layer_step")
    if step:
        return sizes.layers - sizes.layers // step
    return min(_whole(config, "first_k_dense_replace") or 0, sizes.layers)


def _norms(architecture: Architecture, sizes: Sizes, config: Mapping[str, Any]) -> int:
    model_type = config.get("model_type")
    if model_type == "falcon" and config.get("new_decoder_architecture"):
        return 1 if config.get("num_ln_in_parallel_attn") == 1 else 2
    if model_type == "falcon" and config.get("parallel_attn") is False:
        return 2
    return architecture.norms


def _window(config: Mapping[str, Any]) -> int | None:
    if config.get("use_sliding_window") is False:
        return None
    return _whole(config, "sliding_window")


def _flag(flag: bool | str, config: Mapping[str, Any]) -> bool:
    return config.get(flag) is True if isinstance(flag, str) else flag


def _whole(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return value if type(value) is int and 0 < value <= 100_000_000 else None
