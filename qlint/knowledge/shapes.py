"""The nouns of a model's shape: its linear modules, its layers and what they are made of.

Sizes are in elements, never bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from qlint.records import Record
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

LinearKind: TypeAlias = "Literal['linear', 'expert', 'router']"
"""An expert or a router is a linear module of its own only in transformers before 5; since then all
experts of a layer are stacked in 3-D parameters, and the router's weight is a bare parameter."""


class Linear(Record):
    """A linear module of one layer; ``count`` is more than 1 for the experts of a mixture.

    ``name`` is the path within the layer, for example ``self_attn.q_proj``; that of an expert
    stands for all of them, as ``block_sparse_moe.experts.*.w1``.
    """

    name: str
    inputs: int
    outputs: int
    bias: bool = False
    count: int = 1
    kind: LinearKind = "linear"

    @property
    def weights(self) -> int:
        """Weights in all ``count`` copies, without biases."""
        return self.count * self.inputs * self.outputs

    @property
    def biases(self) -> int:
        """Biases in all ``count`` copies."""
        return self.count * self.outputs if self.bias else 0

    @property
    def parameters(self) -> int:
        """Weights and biases in all ``count`` copies."""
        return self.weights + self.biases


class Mixture(Record):
    """How a layer's tokens are spread over its experts."""

    experts: int
    experts_per_token: int
    shared_intermediate_size: int = 0
    """Width of the experts that every token goes through, all together."""


class Block(Record):
    """One kind of decoder layer, and how many layers of the model are of it."""

    layers: int
    linears: tuple[Linear, ...]
    small_parameters: int
    """What is no linear: norms, sinks, correction biases."""
    intermediate_size: int
    """Width of the feed-forward part that one token passes: of one expert in a mixture."""
    mixture: Mixture | None = None
    sliding_window: int | None = None


class Make(Record):
    """How the layers of an architecture are put together, as far as memory depends on it."""

    norm: Literal["rms", "rms-plus-one", "layer"] = "rms"
    """``rms-plus-one``: Gemma's, which multiplies by ``1 + weight`` in float32."""
    placement: Literal["before", "around", "after", "parallel"] = "before"
    """Norms before each half of a layer, before and after (Gemma 2), only after (OLMo 2), or one
    norm for both halves side by side (Phi, Falcon)."""
    head_norm: Literal["none", "heads", "all"] = "none"
    """A norm on queries and keys: of each head (Qwen 3), or of all heads at once (OLMo 2)."""
    own_linears: bool = False
    """Linear modules are a subclass of ``nn.Linear`` (Falcon's), which transformers from 5.5 does
    not quantise (``type(module) is nn.Linear`` in ``integrations/bitsandbytes.py``)."""
    gated: bool = True
    fused_query_key_value: bool = False
    fused_gate_up: bool = False
    rotated_share: float = 1.0
    """Share of a head's width that gets rotary positions; 0 for learned positions."""
    joined_rotation: bool = False
    """Rotated and plain parts are put together with ``cat``, which lays queries out by heads."""
    attention_softcap: bool = False
    logit_softcap: bool = False
    residual_dropout: float = 0.0
    """Chance that an element of what a half adds to the residual stream is dropped."""
    scaled_embedding: bool = False
    latent: tuple[int, int, int, int, int] | None = None
    """Latent attention (DeepSeek): query rank (0: none), key-value rank, and widths of a head's
    plain part, rotary part and value."""
    activation_copies: int = 1
    """Tensors of the intermediate size that the activation function keeps for the backward: one
    where it is a single kernel (SiLU, GELU), more where it is written out (Phi's gelu_new: 4)."""


class Model(Record, uncompared=("config",)):
    """The shape of one model."""

    id: str
    architecture: str
    """``model_type`` of the configuration."""
    hidden_size: int
    attention_heads: int
    key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocabulary: int
    tied_embeddings: bool
    blocks: tuple[Block, ...]
    final_norm_parameters: int
    """Parameters of the last norm, and of the output layer's bias where there is one."""
    position_parameters: int
    layer_path: str
    """Where a layer stands in the model, with ``{}`` for its number."""
    make: Make
    config: Mapping[str, Any]
    """The configuration that all this was computed from."""
    names: tuple[str, ...] = ()
    not_owners: tuple[str, ...] = ()
    """Owners on the Hub whose copies under the same name have other linear modules."""
    published_parameters: int | None = None
    other_parameters: int = 0
    """Parameters outside of the language model (a vision tower), which load with it."""
    other_quantised_parameters: int = 0
    """Those of them that are weights of linear modules."""

    @property
    def source(self) -> str:
        """Where the configuration was taken from."""
        return f"https://huggingface.co/{self.id}/blob/main/config.json"

    @property
    def layers(self) -> int:
        """Decoder layers of all kinds."""
        return sum(block.layers for block in self.blocks)

    @property
    def embedding(self) -> Linear:
        """The token embedding, as the pair of sizes an adapter on it would have."""
        return Linear("embed_tokens", self.vocabulary, self.hidden_size)

    @property
    def output(self) -> Linear:
        """The output projection; it stays unquantised."""
        return Linear("lm_head", self.hidden_size, self.vocabulary)

    @property
    def linears(self) -> tuple[tuple[Linear, int], ...]:
        """Every linear module with the number of places it has in the whole model."""
        return tuple(
            (linear, linear.count * block.layers)
            for block in self.blocks
            for linear in block.linears
        )

    @property
    def quantised_parameters(self) -> int:
        """Weights in linear modules of layers, which bitsandbytes stores in 4 bits.

        Experts and routers are left out: transformers 5 keeps them in plain parameters. So are
        modules outside of the language model.
        """
        return sum(
            places * linear.inputs * linear.outputs
            for linear, places in self.linears
            if linear.kind == "linear"
        )

    @property
    def parameters(self) -> int:
        """All parameters of the language model; tied embeddings count once."""
        layers = sum(
            block.layers
            * (sum(linear.parameters for linear in block.linears) + block.small_parameters)
            for block in self.blocks
        )
        vocabulary = self.embedding.weights * (1 if self.tied_embeddings else 2)
        return layers + vocabulary + self.final_norm_parameters + self.position_parameters

    @property
    def billions(self) -> float:
        """All parameters, in units of 1e9."""
        return self.parameters / 1e9
