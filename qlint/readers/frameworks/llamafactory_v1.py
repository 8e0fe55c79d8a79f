"""LLaMA-Factory's second design: tables for the adapter, the quantisation and the spread."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.processes import ONE_PROCESS
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.recipe import ABSENT, Field, Json, State

_PLUGINS = ("peft_config", "kernel_config", "quant_config", "dist_config", "optim_config",
            "init_config", "lr_scheduler_config")  # fmt: skip
_SIGNS = ("model_class", "micro_batch_size", "train_dataset", "sample_backend", "cutoff_len")
_SPREAD = {"fsdp2": "fsdp", "fsdpturbo": "fsdp", "deepspeed": "deepspeed"}


def recognise(root: Mapping) -> float:
    """A model beside tables that name a plugin."""
    tables = sum(isinstance(root.get(key), Mapping) for key in _PLUGINS)
    signs = sum(key in root for key in _SIGNS)
    return 1.0 if "model" in root and tables and signs >= 2 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run."""
    if sheet.node("train_dataset") is None and sheet.elsewhere is None:
        raise NotTraining
    sheet.take_all(
        "model_name", "learning_rate", "max_grad_norm", "per_device_train_batch_size",
        "num_train_epochs", "max_steps", "max_seq_length", "bf16",
    )  # fmt: skip
    sheet.require("model_name")
    sheet.fields["fp16"] = sheet.by_default(False)
    _optimizer(sheet)
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    sheet.fields["use_reentrant"] = ABSENT if off else sheet.fact("use_reentrant")
    sheet.fields["attn_implementation"] = sheet.written("flash_attn") or sheet.fact(
        "attn_implementation"
    )
    spread = sheet.written("dist_config.name", lambda name: _SPREAD.get(str(name), name))
    if spread is not None:
        sheet.fields["distributed"] = spread
    _accumulation(sheet)
    _adapter(sheet)
    _quantisation(sheet)


def _optimizer(sheet: Sheet) -> None:
    """AdamW at a rate that does not change, unless a plugin is named for either."""
    named = sheet.written("optim_config.name")
    sheet.fields["optim"] = named or sheet.fact("optim")
    default = common.default_of_class(sheet, str(sheet.fields["optim"].value), "weight_decay")
    written = sheet.written("optim_config.weight_decay")
    reason = "the default of the optimizer's plugin"
    sheet.fields["weight_decay"] = written or default or sheet.unknown(reason)
    schedule = sheet.written("lr_scheduler_config.name")
    sheet.fields["lr_scheduler_type"] = schedule or sheet.fact("lr_scheduler_type")
    reason = "up to the schedule's plugin"
    sheet.fields["warmup"] = sheet.unknown(reason) if schedule else sheet.fact("warmup")


def _accumulation(sheet: Sheet) -> None:
    """The global batch divided among processes and micro-batches; one step without it."""
    whole = sheet.written("global_batch_size")
    micro = sheet.fields["per_device_train_batch_size"]
    world = sheet.fields.get("world_size", ONE_PROCESS)
    if whole is None:
        sheet.fields["gradient_accumulation_steps"] = sheet.by_default(1)
        return
    values = (whole.value, micro.value, world.value)
    if all(type(value) is int and value > 0 for value in values):
        steps = max(1, values[0] // values[1] // values[2])
        sheet.fields["gradient_accumulation_steps"] = Field(State.SET, steps, whole.origin)
    else:
        reason = "the global batch divided by processes and micro-batch, not all of them known"
        lost = sheet.unknown(reason, "global_batch_size")
        sheet.fields["gradient_accumulation_steps"] = lost


def _adapter(sheet: Sheet) -> None:
    if sheet.value("peft_config.name") != "lora":
        common.no_adapter(sheet)
        return
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")
    sheet.take("target_modules", _targets)
    found = sheet.take("modules_to_save", common.module_list)
    if found.state is State.ABSENT:
        sheet.fields["modules_to_save"] = sheet.by_default(None)


def _targets(value: Json) -> Json:
    return "all-linear" if value in ("all", ["all"]) else common.module_list(value)


def _quantisation(sheet: Sheet) -> None:
    if sheet.node("quant_config") is None:
        common.not_quantised(sheet)
        return
    method, bits = (
        sheet.written("quant_config.name"),
        sheet.written("quant_config.quantization_bit"),
    )
    for one in (method, bits):
        if one is not None and one.state is State.UNKNOWN:
            common.undecided(sheet, one)
            return
    if method is not None and method.value not in ("bnb", "auto"):
        common.other_method(sheet, str(method.value), method.origin)
    elif bits is None and method is not None and method.value == "auto":
        common.not_quantised(sheet)
    elif bits is not None and bits.value == 8:
        common.eight_bit(sheet, bits)
    else:
        common.four_bit(sheet, bits or sheet.concluded("quant_config", True))
        sheet.take_all("quant_type", "double_quant")
        sheet.take("compute_dtype", common.dtype)
        sheet.take("quant_storage", common.dtype)
