"""The shape of a model from its ``config.json``: what transformers would build, counted.

Nothing is downloaded or executed. A configuration whose ``model_type`` is not known, or whose
sizes are impossible, is a :class:`~qlint.errors.UsageError` of one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from qlint.errors import UsageError
from qlint.knowledge.architectures import ARCHITECTURES, TEXT_OF, Architecture
from qlint.knowledge.layers import decoder_blocks
from qlint.knowledge.shapes import Make, Model
from qlint.knowledge.sizes import Sizes, read_sizes
from qlint.near_names import did_you_mean
from qlint.records import replace
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_RESIDUAL_DROPOUT = ("resid_pdrop", "residual_dropout", "hidden_dropout", "dropout")


def from_config(
    config: Mapping[str, Any], identity: str = "config.json", names: tuple[str, ...] = ()
) -> Model:
    """The shape that a ``config.json`` describes; ``identity`` names it in messages.

    Of a model that reads images too, only the language model is counted.
    """
    text, model_type = _text_half(config, identity)
    architecture = _architecture(model_type, identity)
    text = {**dict.fromkeys(architecture.on_by_default, True), **text}
    sizes = read_sizes(text, model_type, identity)
    make = _make(architecture, sizes, text)
    norm_width = sizes.hidden * (2 if make.norm == "layer" else 1)
    return Model(
        id=identity,
        architecture=model_type,
        hidden_size=sizes.hidden,
        attention_heads=sizes.heads,
        key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_dim,
        intermediate_size=sizes.intermediate,
        vocabulary=sizes.vocabulary,
        tied_embeddings=_tied(config, text, architecture),
        blocks=decoder_blocks(
            architecture, make, sizes, {**text, "model_type": model_type}, norm_width
        ),
        final_norm_parameters=_final(architecture, model_type, sizes, norm_width),
        position_parameters=_positions(model_type, sizes, text),
        layer_path=architecture.layer_path,
        make=make,
        config=dict(text),
        names=names,
    )


def _text_half(config: Mapping[str, Any], identity: str) -> tuple[Mapping[str, Any], str]:
    model_type = config.get("model_type")
    text = config.get("text_config")
    if isinstance(text, Mapping):
        of_text = text.get("model_type", TEXT_OF.get(str(model_type)))
        return text, TEXT_OF.get(str(of_text), str(of_text))
    if not isinstance(model_type, str):
        raise UsageError(
            f"{identity} is no model's configuration: it has no model_type; name the config.json "
            "that lies beside the weights."
        )
    return config, TEXT_OF.get(model_type, model_type)


def _architecture(model_type: str, identity: str) -> Architecture:
    try:
        return ARCHITECTURES[model_type]
    except KeyError:
        near = did_you_mean(model_type, ARCHITECTURES)
        raise UsageError(
            f"{identity} is of model_type {model_type[:60]!r}, whose layers are not known{near}"
        ) from None


def _make(architecture: Architecture, sizes: Sizes, config: Mapping[str, Any]) -> Make:
    make = architecture.make
    share = config.get("partial_rotary_factor", config.get("rotary_pct"))
    if isinstance(share, (int, float)) and 0 <= share <= 1:
        make = replace(make, rotated_share=float(share))
    if 0 < make.rotated_share < 1:
        make = replace(make, joined_rotation=True)
    dropped = next(
        (config[key] for key in _RESIDUAL_DROPOUT if key in config), make.residual_dropout
    )
    if isinstance(dropped, (int, float)) and 0 <= dropped < 1:
        make = replace(make, residual_dropout=float(dropped))
    # One norm for both halves, or one for each: GPT-NeoX lets the configuration choose.
    if make.placement == "parallel" and config.get("use_parallel_residual") is False:
        make = replace(make, placement="before")
    if sizes.latent is not None:
        make = replace(make, latent=sizes.latent)
    return make


def _tied(config: Mapping[str, Any], text: Mapping[str, Any], architecture: Architecture) -> bool:
    for holder in (config, text):
        tied = holder.get("tie_word_embeddings")
        if isinstance(tied, bool):
            return tied
    return architecture.tied


def _final(architecture: Architecture, model_type: str, sizes: Sizes, norm_width: int) -> int:
    # OLMo's norms have no parameters; Bloom has a second one, right after the embedding.
    norms = {"olmo": 0, "bloom": 2}.get(model_type, 1)
    bias = sizes.vocabulary if architecture.output_layer_bias else 0
    return norms * norm_width + bias


def _positions(model_type: str, sizes: Sizes, config: Mapping[str, Any]) -> int:
    """Learned positions; OPT reserves two more rows than it has positions."""
    if model_type == "opt":
        return (int(config.get("max_position_embeddings", 2048)) + 2) * sizes.hidden
    if model_type == "gpt_bigcode":
        return int(config.get("n_positions", 1024)) * sizes.hidden
    return 0
