"""ms-swift: `swift sft config.yaml`, a flat file of command line arguments.

Also the `sft_args.json` that ms-swift 2 leaves beside a run, with some names of its own.
"""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.processes import ONE_PROCESS
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.readers.frameworks.trainer_arguments import Arguments
from qlint.recipe import ABSENT, Field, State

_KINDS = ("tuner_type", "train_type", "sft_type")
_SIGNS = (
    *_KINDS, "lora_rank", "target_modules", "torch_dtype", "split_dataset_ratio", "model_author",
    "rlhf_type", "freeze_vit", "attn_impl", "dataset_num_proc", "lora_target_modules", "use_hf",
    "quant_bits", "model_id_or_path", "system", "max_length", "deepspeed",
)  # fmt: skip
_ATTENTION = {"flash_attn": "flash_attention_2", "flash_attention_2": "flash_attention_2"}


def recognise(root: Mapping) -> float:
    """A model and a data set beside arguments that only swift has."""
    if not any(key in root for key in ("model", "model_id_or_path")) or "dataset" not in root:
        return 0.0
    found = sum(key in root for key in _SIGNS)
    if found and any(key in root for key in (*_KINDS, "rlhf_type")):
        found += 2
    return min(1.0, found / 4) if found >= 3 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of ms-swift."""
    if "rollout" in sheet.root:
        raise NotTraining  # A cluster of programs, each with a table of its own.
    arguments = Arguments(sheet, "transformers", "TrainingArguments")
    arguments.fill()
    sheet.also_known(arguments.parameters)
    sheet.take_all("model_name", "max_seq_length", "packing")
    sheet.require("model_name")
    if sheet.fields["max_seq_length"].state is State.ABSENT:
        reason = "as long as the model allows, which its own configuration says"
        sheet.fields["max_seq_length"] = sheet.unknown(reason)
    kind = next((sheet.value(key) for key in _KINDS if sheet.node(key) is not None), "lora")
    _rate(sheet, str(kind))
    _accumulation(sheet)
    _precision(sheet)
    _adapter(sheet, str(kind))
    _quantisation(sheet)
    _checkpointing(sheet)
    attention = sheet.written("attn_impl", lambda value: _ATTENTION.get(str(value), value))
    if attention is None and sheet.on("use_flash_attn"):
        attention = sheet.concluded("use_flash_attn", "flash_attention_2", "use_flash_attn: true")
    sheet.fields["attn_implementation"] = attention or sheet.fact("attn_implementation")


def _rate(sheet: Sheet, kind: str) -> None:
    if sheet.node("learning_rate") is None:
        name = "learning_rate_full" if kind == "full" else "learning_rate_adapter"
        sheet.fields["learning_rate"] = sheet.fact(name)


def _accumulation(sheet: Sheet) -> None:
    """Where it is not written, enough steps for a batch of 16."""
    if sheet.node("gradient_accumulation_steps") is not None:
        return
    batch = sheet.fields["per_device_train_batch_size"].value
    world = sheet.fields.get("world_size", ONE_PROCESS)
    if world.state is State.UNKNOWN:
        sheet.fields["gradient_accumulation_steps"] = world
    elif type(batch) is int and batch > 0:
        fact = sheet.knowledge.facts["batch"]
        via = f"{sheet.knowledge.label}: enough for a batch of 16 ({fact.source})"
        steps = max(1, -(-int(fact.value) // (batch * world.value)))
        sheet.fields["gradient_accumulation_steps"] = sheet.by_default(steps, via)


def _precision(sheet: Sheet) -> None:
    """Both follow the model's dtype unless they are written."""
    dtype = _dtype(sheet)
    for name, meant in (("bf16", "bfloat16"), ("fp16", "float16")):
        if sheet.node(name) is not None:
            continue
        if dtype is None:
            reason = "follows torch_dtype, by default that of the checkpoint"
            sheet.fields[name] = sheet.unknown(reason)
        elif dtype.known:
            sheet.fields[name] = Field(State.SET, dtype.value == meant, dtype.origin)
        else:
            sheet.fields[name] = dtype


def _dtype(sheet: Sheet) -> Field | None:
    """The model's dtype, called dtype in ms-swift 2, where AUTO leaves it to the checkpoint."""
    written = sheet.written("torch_dtype", common.dtype) or sheet.written("dtype", common.dtype)
    return None if written is None or written.value == "AUTO" else written


def _adapter(sheet: Sheet, kind: str) -> None:
    if kind not in ("lora", "longlora", "adalora"):
        common.no_adapter(sheet)
        return
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")
    modules = sheet.take("target_modules", common.module_list)
    if "sft_type" in sheet.root and modules.state is State.DEFAULT:
        via = "default of ms-swift 2: the attention layers, by its own table of models"
        sheet.fields["target_modules"] = sheet.by_default(None, via)
    elif modules.value in (["all-linear"], "ALL", ["ALL"], "all"):
        sheet.fields["target_modules"] = Field(modules.state, "all-linear", modules.origin)
    elif isinstance(modules.value, str) and modules.value != "all-linear":
        sheet.fields["target_modules"] = Field(modules.state, [modules.value], modules.origin)
    sheet.take("modules_to_save", common.module_list)


def _quantisation(sheet: Sheet) -> None:
    method = sheet.written("quant_method")
    bits = sheet.written("quant_bits") or sheet.written("quantization_bit")
    for one in (method, bits):
        if one is not None and one.state is State.UNKNOWN:
            common.undecided(sheet, one)
            return
    if bits is None or not bits.value:
        common.not_quantised(sheet)
    elif method is not None and method.value not in ("bnb", None):
        common.other_method(sheet, str(method.value), method.origin)
    elif bits.value == 8:
        common.eight_bit(sheet, bits)
    else:
        common.four_bit(sheet, bits)
        sheet.take_all("quant_type", "double_quant", "quant_storage")
        sheet.fields["compute_dtype"] = _compute_dtype(sheet)


def _compute_dtype(sheet: Sheet) -> Field:
    for key in ("bnb_4bit_compute_dtype", "bnb_4bit_comp_dtype"):
        written = sheet.written(key, common.dtype)
        if written is not None and written.value != "AUTO":
            return written
    dtype = _dtype(sheet)
    if dtype is None or not dtype.known:
        return dtype or sheet.unknown("follows torch_dtype, by default that of the checkpoint")
    if sheet.node("torch_dtype") is None:
        return dtype  # ms-swift 2 computes in the model's dtype, whichever that is.
    value = "bfloat16" if dtype.value == "bfloat16" else "float32"
    return Field(State.SET, value, dtype.origin)


def _checkpointing(sheet: Sheet) -> None:
    switch = sheet.written("gradient_checkpointing", common.boolean)
    sheet.fields["gradient_checkpointing"] = switch or sheet.fact("gradient_checkpointing")
    if common.checkpointing_off(sheet):
        sheet.fields["use_reentrant"] = ABSENT
        return
    written = sheet.written("gradient_checkpointing_kwargs.use_reentrant")
    sheet.fields["use_reentrant"] = written or sheet.fact("use_reentrant")
