"""ms-swift on Megatron: `megatron sft config.yaml`, with Megatron's names for the usual things."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.processes import ONE_PROCESS
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.recipe import ABSENT, Field, State

_SIGNS = (
    "tensor_model_parallel_size", "micro_batch_size", "global_batch_size", "recompute_granularity",
    "expert_model_parallel_size", "pipeline_model_parallel_size", "lr_warmup_fraction", "min_lr",
    "no_save_optim", "train_iters", "moe_grouped_gemm",
)  # fmt: skip
_KINDS = ("tuner_type", "train_type")
_SPLIT = ("tensor_model_parallel_size", "pipeline_model_parallel_size", "context_parallel_size")
_DTYPE = "follows torch_dtype, by default that of the checkpoint"


def recognise(root: Mapping) -> float:
    """A model and a data set beside arguments that only Megatron has."""
    if "model" not in root or "dataset" not in root:
        return 0.0
    return 1.0 if sum(key in root for key in _SIGNS) >= 3 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of ms-swift on Megatron."""
    if "rollout" in sheet.root:
        raise NotTraining  # A cluster of programs, each with a table of its own.
    sheet.take_all(
        "model_name", "learning_rate", "weight_decay", "max_grad_norm", "optim",
        "per_device_train_batch_size", "num_train_epochs", "max_steps", "lr_scheduler_type",
        "max_seq_length", "packing", "distributed",
    )  # fmt: skip
    sheet.require("model_name")
    if sheet.fields["max_seq_length"].state is State.ABSENT:
        reason = "as long as the model allows, which its own configuration says"
        sheet.fields["max_seq_length"] = sheet.unknown(reason)
    default = sheet.by_default({"steps": 0, "ratio": 0.0})
    keys = ("lr_warmup_iters", "lr_warmup_fraction")
    sheet.fields["warmup"] = common.warmup(sheet, *keys, default)
    _precision(sheet)
    _recomputation(sheet)
    _accumulation(sheet)
    _adapter(sheet)
    common.not_quantised(sheet)
    sheet.fields["attn_implementation"] = sheet.written("attention_backend") or sheet.by_default(
        "flash"
    )


def _precision(sheet: Sheet) -> None:
    dtype = sheet.written("torch_dtype", common.dtype)
    for name, meant in (("bf16", "bfloat16"), ("fp16", "float16")):
        written = sheet.written(name, common.boolean)
        if written is not None or dtype is None:
            sheet.fields[name] = written or sheet.unknown(_DTYPE)
        else:
            known = Field(State.SET, dtype.value == meant, dtype.origin)
            sheet.fields[name] = known if dtype.known else dtype


def _recomputation(sheet: Sheet) -> None:
    """Full recomputation is checkpointing; the default recomputes the attention alone."""
    written = sheet.written("recompute_granularity")
    sheet.fields["use_reentrant"] = ABSENT
    if written is not None and written.value in ("full", "none"):
        on = Field(State.SET, written.value == "full", written.origin)
        sheet.fields["gradient_checkpointing"] = on
        return
    reason = "selective: a part of each layer is recomputed"
    key = "recompute_granularity"
    lost = written if written is not None and not written.known else sheet.unknown(reason, key)
    sheet.fields["gradient_checkpointing"] = lost


def _accumulation(sheet: Sheet) -> None:
    """The global batch divided by the micro-batch, and among the copies of the model."""
    whole = sheet.written("global_batch_size") or sheet.default_of("global_batch_size")
    micro = sheet.fields["per_device_train_batch_size"]
    world = sheet.fields.get("world_size", ONE_PROCESS)
    splits = [one for key in _SPLIT if (one := sheet.written(key)) is not None]
    parts = [part for part in (whole, micro, world, *splits) if part is not None]
    numbers = [part.value for part in parts if type(part.value) is int and part.value > 0]
    if whole is None or len(numbers) != len(parts):
        reason = "the global batch divided among micro-batches and copies, not all of them known"
        sheet.fields["gradient_accumulation_steps"] = sheet.unknown(reason)
        return
    batch, each, copies, *shares = numbers
    for share in shares:
        copies = max(1, copies // share)
    found = Field(whole.state, max(1, batch // each // copies), whole.origin)
    sheet.fields["gradient_accumulation_steps"] = found
    sheet.fields["effective_batch_size"] = whole


def _adapter(sheet: Sheet) -> None:
    kind = next((sheet.value(key) for key in _KINDS if sheet.node(key) is not None), "full")
    if sheet.fields["learning_rate"].state is State.ABSENT:
        name = "learning_rate_full" if kind == "full" else "learning_rate_adapter"
        sheet.fields["learning_rate"] = sheet.fact(name)
    if not str(kind).startswith("lora"):
        common.no_adapter(sheet)
        return
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")
    sheet.take("target_modules", common.module_list)
    sheet.take("modules_to_save", common.module_list)
