"""xtuner: a Python file of tables, `xtuner train config.py`; mmengine's runner, or Trainer."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping, Scalar, Sequence
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.readers.frameworks.trainer_arguments import Arguments, attention
from qlint.recipe import ABSENT, Field, Json, State

_SCHEDULES = {
    "CosineAnnealingLR": "cosine", "LinearLR": "linear", "ConstantLR": "constant",
    "PolyLR": "polynomial", "MultiStepLR": "multistep", "StepLR": "step",
}  # fmt: skip
_LORA = {
    "lora_r": "r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
    "use_rslora": "use_rslora", "use_dora": "use_dora", "modules_to_save": "modules_to_save",
}  # fmt: skip
_QUANTISED = {
    "quant_type": "bnb_4bit_quant_type", "double_quant": "bnb_4bit_use_double_quant",
    "compute_dtype": "bnb_4bit_compute_dtype", "quant_storage": "bnb_4bit_quant_storage",
}  # fmt: skip


def recognise(root: Mapping) -> float:
    """A language model among the tables, beside what trains it."""
    model = root.get("model")
    if not isinstance(model, Mapping):
        return 0.0
    if isinstance(root.get("training_args"), Mapping):
        return 1.0
    language = any(key in model for key in ("llm", "llm_lora", "quantization_llm"))
    return 1.0 if language and isinstance(root.get("optim_wrapper"), Mapping) else 0.0


def flattened(root: Mapping) -> Mapping:
    """The tree with what `training_args` holds at its top, where its arguments are looked up."""
    arguments = root.get("training_args")
    if not isinstance(arguments, Mapping):
        return root
    made = Mapping(root.place)
    made.entries = {**root.entries, **arguments.entries}
    return made


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of xtuner."""
    if _by_trainer(sheet):
        _trainer(sheet)
    else:
        _runner(sheet)
    sheet.take("model_name")
    sheet.require("model_name")
    _length(sheet)
    _adapter(sheet)
    _quantisation(sheet)
    _prepared(sheet)


def _trainer(sheet: Sheet) -> None:
    """A run of transformers' Trainer, whose arguments stand in a table."""
    arguments = Arguments(sheet, "transformers", "TrainingArguments")
    arguments.fill()
    sheet.fields["attn_implementation"] = attention(sheet, "model.attn_implementation")
    sheet.fields["trainer"] = sheet.written("trainer", _last) or ABSENT


def _prepared(sheet: Sheet) -> None:
    """xtuner prepares the model for Trainer, which turns checkpointing on for a quantised base."""
    fields = sheet.fields
    quantised = fields["load_in_4bit"].value or fields["load_in_8bit"].value
    adapted = fields["lora_r"].state is not State.ABSENT
    if common.checkpointing_off(sheet) and adapted and quantised and _by_trainer(sheet):
        fields["gradient_checkpointing"] = sheet.fact("prepared")
        fields["use_reentrant"] = Arguments(sheet, "transformers", "TrainingArguments").reentrant()


def _by_trainer(sheet: Sheet) -> bool:
    return isinstance(sheet.root.get("training_args"), Mapping)


def _runner(sheet: Sheet) -> None:
    """A run of mmengine's runner."""
    sheet.take_all(
        "learning_rate", "weight_decay", "max_grad_norm", "gradient_accumulation_steps",
        "per_device_train_batch_size", "num_train_epochs", "max_steps",
    )  # fmt: skip
    sheet.require("learning_rate", "per_device_train_batch_size")
    optimizer = sheet.written("optim_wrapper.optimizer.type")
    sheet.fields["optim"] = optimizer or sheet.unknown("optim_wrapper.optimizer.type")
    if sheet.fields["weight_decay"].state is State.ABSENT and optimizer is not None:
        default = common.default_of_class(sheet, str(optimizer.value), "weight_decay")
        sheet.fields["weight_decay"] = default or ABSENT
    _precision(sheet)
    _schedule(sheet)
    sheet.take("gradient_checkpointing", common.boolean)
    off = common.checkpointing_off(sheet)
    arguments = Arguments(sheet, "transformers", "TrainingArguments")
    sheet.fields["use_reentrant"] = ABSENT if off else arguments.reentrant()
    written = sheet.written("model.llm.attn_implementation")
    reason = "flash attention where it is installed and the model has it, else sdpa"
    sheet.fields["attn_implementation"] = written or sheet.unknown(reason)
    if sheet.on("deepspeed") or sheet.node("strategy.type") is not None:
        key = "deepspeed" if sheet.on("deepspeed") else "strategy.type"
        kind = str(sheet.value(key))
        named = "fsdp" if "FSDP" in kind else "deepspeed"
        sheet.fields["distributed"] = sheet.concluded(key, named)


def _last(value: Json) -> Json:
    return value.rsplit(".", 1)[-1] if isinstance(value, str) else value


def _precision(sheet: Sheet) -> None:
    """Automatic mixed precision in the wrapper's dtype; any other wrapper has none."""
    kind = sheet.written("optim_wrapper.type", _last)
    dtype = sheet.written("optim_wrapper.dtype", common.dtype)
    for name, meant in (("fp16", "float16"), ("bf16", "bfloat16")):
        if kind is None or (kind.known and kind.value != "AmpOptimWrapper"):
            sheet.fields[name] = sheet.by_default(False)
        elif not kind.known or dtype is None or not dtype.known:
            lost = dtype if dtype is not None else sheet.unknown("the card's own half precision")
            sheet.fields[name] = kind if not kind.known else lost
        else:
            sheet.fields[name] = Field(State.SET, dtype.value == meant, dtype.origin)


def _schedule(sheet: Sheet) -> None:
    """The last schedule is the run's; a linear one in front of it warms up."""
    schedules = sheet.node("param_scheduler")
    parts = schedules.items if isinstance(schedules, Sequence) else [schedules]
    tables = [part for part in parts if isinstance(part, Mapping)]
    if not tables:
        sheet.fields["lr_scheduler_type"] = sheet.by_default("constant", "no param_scheduler")
        sheet.fields["warmup"] = sheet.by_default({"steps": 0, "ratio": 0.0})
        return
    named = tables[-1].get("type")
    if isinstance(named, Scalar):
        name = str(_last(named.text))
        origin = sheet.origins(named, "param_scheduler")
        sheet.fields["lr_scheduler_type"] = Field(State.SET, _SCHEDULES.get(name, name), origin)
    else:
        sheet.fields["lr_scheduler_type"] = sheet.unknown("the type of the schedule")
    sheet.fields["warmup"] = _warmup(sheet, tables[0]) if len(tables) > 1 else sheet.by_default(
        {"steps": 0, "ratio": 0.0}, "no schedule in front of the first"
    )  # fmt: skip


def _warmup(sheet: Sheet, first: Mapping) -> Field:
    """Up to the schedule's end: iterations, or a share of the epochs that are trained."""
    end, by_epoch = first.get("end"), first.get("by_epoch")
    epochs = sheet.fields["num_train_epochs"].value
    if not isinstance(end, Scalar) or type(end.value) not in (int, float):
        return sheet.unknown("the end of the first schedule", "param_scheduler")
    origin = sheet.origins(end, "param_scheduler")
    if isinstance(by_epoch, Scalar) and by_epoch.value is False:
        return Field(State.SET, {"steps": end.value, "ratio": 0.0}, origin)
    if type(epochs) not in (int, float) or not epochs:
        return sheet.unknown("a share of the epochs, which are not known", "param_scheduler")
    share = round(float(end.value or 0) / epochs, 12)
    return Field(State.SET, {"steps": 0, "ratio": share}, origin)


def _length(sheet: Sheet) -> None:
    """Of the data set, or of the first that has one where several are joined."""
    for key in ("train_dataloader.dataset", "train_dataset"):
        data = sheet.node(key)
        for table in _datasets(data):
            length = table.get("max_length")
            if length is None:
                continue
            sheet.fields["max_seq_length"] = _field(sheet, length, "max_length")
            sheet.fields["packing"] = _packing(sheet, table)
            return
    reason = "the data set's max_length is not written"
    sheet.fields["max_seq_length"] = sheet.written("max_length") or sheet.unknown(reason)
    sheet.fields["packing"] = sheet.written("pack_to_max_length") or sheet.by_default(False)


def _packing(sheet: Sheet, table: Mapping) -> Field:
    """Pairs for preference runs are packed where attention keeps them apart."""
    packed = table.get("pack_to_max_length")
    if packed is not None:
        return _field(sheet, packed, "pack_to_max_length")
    apart, length = table.get("use_varlen_attn"), table.get("max_packed_length")
    if isinstance(apart, Scalar) and apart.value is True and length is not None:
        return Field(State.SET, True, sheet.origins(length, "max_packed_length"))
    return sheet.by_default(False)


def _datasets(data: object) -> list[Mapping]:
    if not isinstance(data, Mapping):
        return []
    inner = data.get("datasets") or data.get("dataset_cfg")
    parts = inner.items if isinstance(inner, Sequence) else [inner]
    return [data, *(part for part in parts if isinstance(part, Mapping))]


def _field(sheet: Sheet, node: object, key: str) -> Field:
    """The field of a node that lies within a list."""
    if isinstance(node, Scalar) and node.value is not None:
        return Field(State.SET, node.value, sheet.origins(node, key))
    return sheet.unknown(f"{key} is not known")


def _adapter(sheet: Sheet) -> None:
    key = next((key for key in ("model.lora", "model.llm_lora", "lora")
                if sheet.node(key) is not None), None)  # fmt: skip
    if key is None:
        common.no_adapter(sheet)
        return
    arguments = Arguments(sheet, "peft", "LoraConfig")
    for name, option in _LORA.items():
        found = sheet.written(f"{key}.{option}", common.module_list)
        sheet.fields[name] = found or arguments.default(option) or sheet.by_default(False)
    targets = sheet.written(f"{key}.target_modules", common.module_list)
    sheet.fields["target_modules"] = targets or sheet.fact("target_modules")


def _quantisation(sheet: Sheet) -> None:
    for holder in ("model.llm", "model"):
        if sheet.node(f"{holder}.quantization_config") is not None:
            _bitsandbytes(sheet, f"{holder}.quantization_config")
            return
        if any(sheet.node(f"{holder}.load_in_{bits}bit") is not None for bits in (4, 8)):
            _bitsandbytes(sheet, holder)
            return
    whole = sheet.written("model.quantization_llm", common.boolean)
    if whole is not None and whole.state is State.UNKNOWN:
        common.undecided(sheet, whole)
    elif whole is not None and whole.value:
        common.four_bit(sheet, whole)
        fact = sheet.fact("quantised_vision")
        for name, value in dict(fact.value).items():
            sheet.fields[name] = Field(State.DEFAULT, value, fact.origin)
    else:
        common.not_quantised(sheet)


def _bitsandbytes(sheet: Sheet, holder: str) -> None:
    """The arguments of BitsAndBytesConfig, in a table of their own or among the model's."""
    node = sheet.node(holder)
    if not isinstance(node, Mapping):
        common.undecided(sheet, sheet.written(holder) or sheet.unknown(holder))
        return
    four = sheet.written(f"{holder}.load_in_4bit", common.boolean)
    eight = sheet.written(f"{holder}.load_in_8bit", common.boolean)
    for switch in (four, eight):
        if switch is not None and switch.state is State.UNKNOWN:
            common.undecided(sheet, switch)
            return
    if four is not None and four.value:
        common.four_bit(sheet, four, eight)
        arguments = Arguments(sheet, "transformers", "BitsAndBytesConfig")
        for name, key in _QUANTISED.items():
            written = sheet.written(f"{holder}.{key}", common.dtype)
            found = written or arguments.default(key) or sheet.by_default(None)
            default = found.value is None
            if default and name in ("compute_dtype", "quant_storage"):
                via = "default of BitsAndBytesConfig"
                found = sheet.by_default("float32" if name == "compute_dtype" else "uint8", via)
            sheet.fields[name] = found
    elif eight is not None and eight.value:
        common.eight_bit(sheet, eight, four)
    else:
        common.not_quantised(sheet, four, eight)
