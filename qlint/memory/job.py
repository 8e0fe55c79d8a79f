"""What decides the memory of a training run, and what a prediction of it says.

A :class:`Job` is complete: nothing in it is unknown. ``qlint.memory.from_recipe`` makes one of a
recipe and says what it had to assume; the closed form (``qlint.memory.predict``) and the simulation
(``qlint.runtime_probes.simulation``) take the very same job, so that their answers can be compared.
Fields carry the names of the recipe wherever a recipe has them.
"""

from __future__ import annotations

from enum import Enum

from qlint.knowledge.models import Model
from qlint.records import Record
from qlint.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

Precision: TypeAlias = "Literal['bfloat16', 'float16', 'float32']"
"""A dtype of floating-point numbers, as recipes write it."""

Attention: TypeAlias = "Literal['eager', 'sdpa', 'flash_attention_2']"
"""The implementations that differ in memory; FlashAttention 3 and flex behave as 2 does."""


class Loss(str, Enum):
    """How logits become a loss; each keeps other tensors of the vocabulary's size."""

    FULL = "full"
    """transformers' ``ForCausalLMLoss`` and ``DefaultDataCollator``: all logits, in float32."""
    SHIFTED = "shifted"
    """The same in transformers 4.46 to 4.48, which shift the float32 logits in place of the labels:
    a copy, where a batch holds several sequences."""
    UPCAST = "upcast"
    """The same before 4.46, where the model itself casts its logits to float32."""
    NARROW = "narrow"
    """LitGPT's ``chunked_cross_entropy``: all logits, in the model's precision."""
    CHUNKED = "chunked"
    """TRL's fused head (1.16; ``chunked_nll`` before): logits by tiles, recomputed backwards."""
    FUSED = "fused"
    """Liger's and Unsloth's fused linear cross-entropy: logits never exist in full."""

    @property
    def materialises(self) -> bool:
        """All logits of a micro-batch exist at once."""
        return self not in (Loss.CHUNKED, Loss.FUSED)


class Distribution(str, Enum):
    """How several processes share a run."""

    SINGLE = "single"
    DDP = "ddp"
    """Every process holds everything, and a bucketed copy of the gradients."""
    FSDP = "fsdp"
    """Parameters, gradients and optimizer state are sharded; a layer is gathered when it runs."""
    ZERO1 = "zero1"
    """Optimizer state is sharded."""
    ZERO2 = "zero2"
    """Optimizer state and gradients are sharded."""
    ZERO3 = "zero3"
    """Parameters are sharded too, and gathered a module at a time."""


class Job(Record):
    """Everything that decides how much memory one process of a training run takes.

    The defaults are those of the libraries (transformers 5, PEFT 0.21), except for what every job
    has to say: its model, its batch and its length.
    """

    model: Model

    per_device_train_batch_size: int
    """Sequences in one micro-step of one process."""
    max_seq_length: int
    """Tokens in each sequence after truncation, padding or packing; all are taken as this long."""

    quant_method: Literal["none", "bitsandbytes"] = "bitsandbytes"
    load_in_4bit: bool = True
    """The linear layers of the base are stored in 4 bits; with ``load_in_8bit`` off and this off,
    they are in ``base_dtype``."""
    load_in_8bit: bool = False
    quant_type: Literal["nf4", "fp4"] = "nf4"
    double_quant: bool = False
    quant_storage: Literal["uint8", "float16", "bfloat16", "float32"] = "uint8"
    """The dtype that packed weights pretend to have: their bytes are the same in each."""
    compute_dtype: Precision = "float32"
    """What weights are dequantised to, and what quantised layers multiply in."""
    base_dtype: Precision = "bfloat16"
    """The dtype that the checkpoint is loaded in: that of everything which is not quantised."""
    quantised_from: Precision | None = None
    """The dtype that weights had when they were quantised, and are dequantised to
    (``quant_state.dtype``): None for ``base_dtype``. LitGPT always casts them to float16 first."""
    dequantises_twice: bool = False
    """bitsandbytes before 0.50 dequantises to that dtype in the forward too, and casts the result
    to the compute dtype where that is another; since then to the compute dtype at once."""
    skip_modules: tuple[str, ...] = ("lm_head",)
    """``llm_int8_skip_modules``: linear modules that keep ``base_dtype``."""
    quantises_subclasses: bool = False
    """transformers before 5.5 quantises modules of subclasses of ``nn.Linear`` as well."""
    quantised_experts: bool = False
    """Experts are linear modules of their own (transformers before 5) and quantised as such;
    otherwise they are stacked in 3-D parameters that bitsandbytes leaves alone."""
    keeps_quantised_inputs: bool = False
    """bitsandbytes before 0.43.2 holds on to the input of every 4-bit layer until the loss is
    dropped, though the backward does not need it (``MatMul4Bit``, its pull request 1270)."""

    kbit_prepare: bool = False
    """``prepare_model_for_kbit_training`` casts all 16-bit parameters that are not quantised to
    float32, wherever it is called, in the script or in the trainer."""

    lora_r: int | None = 8
    """None trains no adapter; then every parameter of an unquantised base is trained."""
    lora_dropout: float = 0.0
    target_modules: str | tuple[str, ...] = ("q_proj", "v_proj")
    """A list of name ends, ``"all-linear"`` or a pattern, as PEFT takes them."""
    modules_to_save: tuple[str, ...] = ()
    """Modules that are trained in full, as a copy beside the frozen original."""
    use_dora: bool = False
    adapter_dtype: Precision = "float32"
    """The dtype of adapter weights. PEFT's ``autocast_adapter_dtype`` (on by default) makes it
    float32 wherever the base is in 16 bits or quantised."""

    pads_adapters: bool = False
    """LitGPT's one linear for queries, keys and values, of which only some are adapted: what their
    adapters add is put into zeros of the full width, and kept for the backward."""

    autocast: Literal["bfloat16", "float16"] | None = "bfloat16"
    """The dtype of the trainer's mixed precision (``bf16=True``, ``fp16=True``), or None."""
    optim: str = "adamw_torch_fused"
    """A name of transformers' ``optim`` or a qualified optimizer class."""
    max_grad_norm: float = 1.0
    """0 clips nothing."""
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    use_reentrant: bool = False
    checkpoints_around_layers: bool = False
    """The checkpoint calls the layer, with whatever wraps it (transformers before 4.52); since
    then the layer itself does, inside of its wrappers (``GradientCheckpointingLayer``)."""
    attn_implementation: Attention = "sdpa"
    use_cache: bool = False
    """The model keeps keys and values as if to generate. transformers' Trainer turns it off since
    5, TRL always; before, and in hand-written loops, it is on unless the script says otherwise.
    Checkpointing turns it off."""
    outputs_live: Literal["to the loss", "through the backward", "to the next loss"] = "to the loss"
    """How long outputs and loss are bound to names, and with them the logits and what the graph
    itself holds. Trainers drop them at once; hand-written loops often only with the next ones."""
    packing: bool = False
    """Sequences are concatenated to ``max_seq_length``; position ids stand for the mask."""
    padding: bool = False
    """Batches hold padding, so attention gets a mask and cannot run as plain causal attention."""
    loss: Loss = Loss.FULL

    distributed: Distribution = Distribution.SINGLE
    fsdp_version: Literal[1, 2] = 1
    """Of FSDP: 1 wraps modules and flattens parameters, 2 (``fully_shard``) shards each one."""
    world_size: int = 1
    """Processes, one a card."""
    offload_optimizer: bool = False
    """ZeRO keeps the optimizer state in the host's memory."""
    offload_parameters: bool = False
    """ZeRO-3 or FSDP keeps sharded parameters in the host's memory."""

    evaluates: bool = False
    per_device_eval_batch_size: int = 8
    prediction_loss_only: bool = True
    """Evaluation keeps no logits; otherwise those of a batch are held until they are copied."""


class Component(Record):
    """One part of the memory at the peak: a stable name, and its bytes."""

    name: str
    bytes: int


class Prediction(Record):
    """What a job is predicted to take on each card, in bytes.

    ``components`` are what is allocated at the peak of a training step; they add up to
    ``peak_allocated_bytes``, which is what ``torch.cuda.max_memory_allocated`` reports from the
    second step on. ``peak_reserved_bytes`` is ``max_memory_reserved`` where the card has room: the
    allocator's segments. ``least_reserved_bytes`` is what remains of them where it has none, so
    that the wholly unused ones were given back; it decides whether the run fits.
    ``context_bytes`` (the CUDA context with its kernels) is on top of all, and
    ``paged_bytes`` is optimizer state in managed memory, which neither figure counts.
    """

    components: tuple[Component, ...]
    peak_allocated_bytes: int
    peak_reserved_bytes: int
    least_reserved_bytes: int
    at: str
    """Where in the step the peak stands: "loss", "backward of layer 31", "optimizer step"."""
    low_bytes: int
    high_bytes: int
    """The error band around ``peak_allocated_bytes``."""
    context_bytes: int = 0
    paged_bytes: int = 0
    host_bytes: int = 0
    """What offloading puts in the host's memory, for this process."""
    evaluation_bytes: int | None = None
    """The peak of an evaluation step, where the job evaluates."""

    @property
    def needed_bytes(self) -> int:
        """What the card must offer beside the driver's own share: segments that cannot be given
        back, and the context."""
        return self.least_reserved_bytes + self.context_bytes

    @property
    def shown_bytes(self) -> int:
        """What tools such as ``nvidia-smi`` show of this process on a card that has room."""
        return self.peak_reserved_bytes + self.context_bytes

    @property
    def most_needed_bytes(self) -> int:
        """The same at the upper end of the error band."""
        return self.needed_bytes + self.high_bytes - self.peak_allocated_bytes
