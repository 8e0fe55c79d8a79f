"""The sizes in a model's configuration, under whatever names its architecture gives them."""

from __future__ import annotations

from collections.abc import Mapping

from qlint.errors import UsageError
from qlint.records import Record
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_NAMES = {
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner"),
    "vocab_size": ("vocab_size",),
}
_LARGEST = {"num_hidden_layers": 10_000}
_LARGEST_SIZE = 100_000_000


class Sizes(Record):
    """The sizes that every architecture has, in elements."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    latent: tuple[int, int, int, int, int] | None


def read_sizes(config: Mapping[str, Any], model_type: str, identity: str) -> Sizes:
    """Read them, or say in one sentence which is missing or impossible."""
    hidden = _size(config, "hidden_size", identity)
    heads = _size(config, "num_attention_heads", identity)
    head_dim = _optional(config, "head_dim") or hidden // heads
    if head_dim < 1:
        raise UsageError(f"{identity}: {heads} attention heads do not fit {hidden} hidden units")
    intermediate = (
        4 * hidden
        if model_type in {"falcon", "bloom", "gpt_bigcode"} and not _given(config)
        else _size(config, "intermediate_size", identity)
    )
    return Sizes(
        hidden=hidden,
        layers=_size(config, "num_hidden_layers", identity),
        heads=heads,
        key_value_heads=_key_value_heads(config, model_type, heads),
        head_dim=head_dim,
        intermediate=intermediate,
        vocabulary=_size(config, "vocab_size", identity),
        latent=_latent(config) if model_type.startswith("deepseek") else None,
    )


def _given(config: Mapping[str, Any]) -> bool:
    return any(_optional(config, name) for name in _NAMES["intermediate_size"])


def _key_value_heads(config: Mapping[str, Any], model_type: str, heads: int) -> int:
    if model_type == "falcon" and not config.get("new_decoder_architecture"):
        return 1 if config.get("multi_query", True) else heads
    if model_type == "gpt_bigcode":
        return 1 if config.get("multi_query", True) else heads
    return _optional(config, "num_key_value_heads") or _optional(config, "num_kv_heads") or heads


def _latent(config: Mapping[str, Any]) -> tuple[int, int, int, int, int] | None:
    names = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    widths = [_optional(config, name) for name in names]
    rank, plain, rotary, value = (width or 0 for width in widths)
    return (_optional(config, "q_lora_rank") or 0, rank, plain, rotary, value) if rank else None


def _size(config: Mapping[str, Any], name: str, identity: str) -> int:
    value = next((config[key] for key in _NAMES[name] if config.get(key) is not None), None)
    if value is None:
        raise UsageError(f"{identity} has no {name}, which the shape of the model depends on")
    largest = _LARGEST.get(name, _LARGEST_SIZE)
    if type(value) is not int or not 0 < value <= largest:
        raise UsageError(
            f"{identity}: {name} is {str(value)[:40]}, and has to be a whole number from 1 to "
            f"{largest}"
        )
    return value


def _optional(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return value if type(value) is int and 0 < value <= _LARGEST_SIZE else None
