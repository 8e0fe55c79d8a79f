"""AutoTrain: `autotrain --config config.yml`, arguments below `params`."""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.recipe import ABSENT, Field, Json, State

_TASKS = ("llm", "lm_training", "vlm", "seq2seq")


def recognise(root: Mapping) -> float:
    """A task and a project's name beside a block of parameters."""
    needed = ("task", "base_model", "project_name")
    return 1.0 if all(key in root for key in needed) and "params" in root else 0.0


def located(key: str, root: Mapping) -> str:
    """The base and the project stand beside the parameters; `--trainer` is in the task."""
    return {"model": "base_model", "project_name": key, "task": key}.get(key, f"params.{key}")


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of AutoTrain."""
    task = str(sheet.value("task") or sheet.command or "")
    if task == "llm":
        task = f"llm-{sheet.value('params.trainer') or 'default'}"
    if not task.startswith(_TASKS) and not (sheet.elsewhere is not None and not task):
        raise NotTraining
    sheet.take_all(
        "model_name", "learning_rate", "optim", "lr_scheduler_type", "max_grad_norm",
        "weight_decay", "per_device_train_batch_size", "gradient_accumulation_steps",
        "num_train_epochs", "max_seq_length", "max_steps",
    )  # fmt: skip
    ratio = sheet.default_of("warmup_ratio")
    value = {"steps": 0, "ratio": ratio.value if ratio is not None else 0.1}
    default = sheet.by_default(value, ratio.reason if ratio is not None else None)
    sheet.fields["warmup"] = common.warmup(sheet, None, "params.warmup_ratio", default)
    _precision(sheet)
    _adapter(sheet)
    _quantisation(sheet)
    _checkpointing(sheet)
    if task.endswith("sft"):
        sheet.fields["packing"] = sheet.fact("packing")
    if sheet.on("params.use_flash_attention_2"):
        flash = sheet.concluded("params.use_flash_attention_2", "flash_attention_2")
        sheet.fields["attn_implementation"] = flash
    else:
        sheet.fields["attn_implementation"] = sheet.fact("attn_implementation")
    sheet.note_unknown_keys("params")


def _precision(sheet: Sheet) -> None:
    written = sheet.written("params.mixed_precision")
    for name in ("bf16", "fp16"):
        if written is None:
            sheet.fields[name] = sheet.by_default(False)
        elif written.state is State.UNKNOWN:
            sheet.fields[name] = written
        else:
            sheet.fields[name] = Field(State.SET, written.value == name, written.origin)


def _adapter(sheet: Sheet) -> None:
    switch = sheet.written("params.peft", common.boolean) or sheet.default_of("peft")
    if switch is not None and switch.state is State.UNKNOWN:
        for name in common.ADAPTER_FIELDS:
            sheet.fields[name] = switch
    elif switch is None or not switch.value:
        common.no_adapter(sheet)
        keys = ("params.lora_r", "params.lora_alpha", "params.target_modules")
        common.forgotten_adapter(sheet, keys, "params.peft", "peft: true")
    else:
        sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora",
                       "modules_to_save")  # fmt: skip
        sheet.take("target_modules", _targets)


def _targets(value: Json) -> Json:
    if isinstance(value, str) and value != "all-linear":
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _quantisation(sheet: Sheet) -> None:
    """Only where an adapter is trained; "int4" unless something else, or null, is written."""
    written = sheet.written("params.quantization")
    null = written is None and sheet.root.at("params.quantization") is not None
    method = written or (None if null else sheet.default_of("quantization"))
    if sheet.fields["lora_r"].state is State.ABSENT or method is None or not method.value:
        if method is not None and method.state is State.UNKNOWN:
            common.undecided(sheet, method)
            return
        common.not_quantised(sheet)
    elif method.value == "int8":
        common.eight_bit(sheet, method)
    elif method.value == "int4":
        common.four_bit(sheet, method)
        for name in common.DETAILS:
            sheet.fields[name] = sheet.fact(name)
    else:
        common.other_method(sheet, str(method.value), method.origin)


def _checkpointing(sheet: Sheet) -> None:
    off = sheet.written("params.disable_gradient_checkpointing", common.boolean)
    if off is None:
        effective = sheet.fact("gradient_checkpointing")
    elif off.known:
        effective = Field(State.SET, not off.value, off.origin)
    else:
        effective = off
    sheet.fields["gradient_checkpointing"] = effective
    if common.checkpointing_off(sheet):
        sheet.fields["use_reentrant"] = ABSENT
        return
    quantised = sheet.fields["quant_method"].value == "bitsandbytes"
    fact = sheet.knowledge.facts["use_reentrant"]
    via = f"{sheet.knowledge.label} ({fact.source})"
    sheet.fields["use_reentrant"] = sheet.by_default(quantised, via)
