"""LitGPT: `litgpt finetune_lora CHECKPOINT --config config.yaml`.

Target modules are given by the names that Hugging Face models have for them.
"""

from __future__ import annotations

from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import NotTraining, Sheet
from qlint.recipe import ABSENT, Field, State

_TARGETS = (
    ("lora_query", ("q_proj",)),
    ("lora_key", ("k_proj",)),
    ("lora_value", ("v_proj",)),
    ("lora_projection", ("o_proj",)),
    ("lora_mlp", ("gate_proj", "up_proj", "down_proj")),
    ("lora_head", ("lm_head",)),
)
_SIGNS = ("precision", "quantize", "lora_r", "out_dir", "data", "eval", "logger_name", "optimizer")


def recognise(root: Mapping) -> float:
    """A checkpoint's folder beside a block of training arguments."""
    if not isinstance(root.get("train"), Mapping):
        return 0.0
    if "checkpoint_dir" not in root and "lora_r" not in root:
        return 0.0
    found = sum(key in root for key in _SIGNS)
    return min(1.0, found / 4) if found >= 2 else 0.0


def located(key: str, root: Mapping) -> str:
    """The optimizer's arguments may be given without `init_args` in between."""
    first, _, last = key.partition(".")
    if first == "optimizer" and last and not last.startswith(("init_args", "class_path", "help")):
        return f"optimizer.init_args.{last}"
    return "optimizer.class_path" if key == "optimizer" else key


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of LitGPT."""
    sheet.take_all(
        "model_name", "per_device_train_batch_size", "num_train_epochs", "max_seq_length",
        "max_steps",
    )  # fmt: skip
    sheet.require("model_name")
    if sheet.command is not None and "adapter" in sheet.command:
        raise NotTraining  # LLaMA-Adapter has no rank and no target modules.
    with_adapter = any(key.startswith("lora_") for key in sheet.root) or "quantize" in sheet.root
    if sheet.command is not None:
        with_adapter = not sheet.command.endswith(("full", "pretrain"))
    _precision(sheet)
    _processes(sheet)
    if with_adapter:
        _adapter(sheet)
        _quantisation(sheet)
    else:
        common.no_adapter(sheet)
        common.not_quantised(sheet)
        sheet.take("max_grad_norm")
    _optimizer(sheet)
    _accumulation(sheet)
    sheet.fields["lr_scheduler_type"] = sheet.fact("lr_scheduler_type")
    sheet.fields["warmup"] = common.warmup(
        sheet, "train.lr_warmup_steps", None, sheet.fact("warmup")
    )
    several = sheet.fields.get("world_size", ABSENT)
    on = several.known and type(several.value) is int and several.value > 1
    sheet.fields["gradient_checkpointing"] = (
        Field(State.SET, True, several.origin) if on else sheet.fact("gradient_checkpointing")
    )
    sheet.fields["use_reentrant"] = sheet.by_default(False) if on else ABSENT
    sheet.fields["attn_implementation"] = sheet.fact("attn_implementation")


def _precision(sheet: Sheet) -> None:
    written = sheet.written("precision")
    if written is None or not written.known:
        lost = written or sheet.unknown("hardware-dependent: the precision that the card has")
        sheet.fields["bf16"] = sheet.fields["fp16"] = lost
        return
    text = str(written.value)
    sheet.fields["bf16"] = Field(State.SET, text.startswith("bf16"), written.origin)
    sheet.fields["fp16"] = Field(State.SET, text.startswith("16"), written.origin)


def _processes(sheet: Sheet) -> None:
    devices, hosts = sheet.written("devices"), sheet.written("num_nodes")
    if devices is None:
        # Fabric starts as many processes as it is told to, whatever the environment says.
        sheet.fields.pop("world_size", None)
        if sheet.elsewhere is not None:
            sheet.fields["world_size"] = sheet.unknown(sheet.elsewhere)
        return
    if type(devices.value) is not int:
        sheet.fields["world_size"] = sheet.unknown("as many devices as there are", "devices")
        return
    count = hosts.value if hosts is not None and type(hosts.value) is int else 1
    world = devices.value * count
    sheet.fields["world_size"] = Field(State.SET, world, devices.origin)
    if world > 1:
        sheet.fields["distributed"] = Field(State.SET, "fsdp", devices.origin)


def _adapter(sheet: Sheet) -> None:
    sheet.take_all("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora",
                   "modules_to_save")  # fmt: skip
    names: list[str] = []
    state, origin = State.DEFAULT, []
    for key, modules in _TARGETS:
        switch = sheet.written(key, common.boolean) or sheet.default_of(key)
        if switch is None:
            continue
        if switch.state is State.UNKNOWN:
            sheet.fields["target_modules"] = switch
            return
        if switch.state is State.SET:
            state = State.SET
        if switch.value:
            names += modules
        origin += [station for station in switch.origin if switch.value or station.path]
    sheet.fields["target_modules"] = Field(state, names, tuple(origin))


def _quantisation(sheet: Sheet) -> None:
    written = sheet.written("quantize")
    if written is None:
        common.not_quantised(sheet)
        return
    if written.state is State.UNKNOWN:
        common.undecided(sheet, written)
        return
    method = str(written.value).removeprefix("bnb.")
    if method.startswith("int8"):
        common.eight_bit(sheet, written)
        return
    if not method.startswith(("nf4", "fp4")):
        common.other_method(sheet, method, written.origin)
        return
    common.four_bit(sheet, written)
    fields = sheet.fields
    fields["quant_type"] = Field(State.SET, method[:3], written.origin)
    fields["double_quant"] = Field(State.SET, method.endswith("-dq"), written.origin)
    fields["quant_storage"] = sheet.fact("quant_storage")
    precision = sheet.written("precision", common.dtype)
    fields["compute_dtype"] = precision or fields["bf16"]


def _optimizer(sheet: Sheet) -> None:
    """A name or a class with arguments; quantised runs always get bitsandbytes' PagedAdamW."""
    fields = sheet.fields
    node = sheet.node("optimizer")
    named = sheet.written("optimizer" if not isinstance(node, Mapping) else "optimizer.class_path")
    default = sheet.default_of("optimizer")
    chosen = named or default or sheet.by_default("AdamW")
    if chosen.known and isinstance(chosen.value, str) and "." not in chosen.value:
        chosen = Field(chosen.state, f"torch.optim.{chosen.value}", chosen.origin)
    if fields["quant_method"].value == "bitsandbytes":
        fact, switch = sheet.fact("paged_optimizer"), sheet.written("quantize")
        decided = switch if named is None and switch is not None else chosen
        chosen = Field(decided.state, fact.value, (*decided.origin, *fact.origin))
    fields["optim"] = chosen
    for field, key in (("learning_rate", "lr"), ("weight_decay", "weight_decay")):
        if sheet.take(field).state is not State.ABSENT:
            continue
        default = common.default_of_class(sheet, str(chosen.value or ""), key)
        if default is not None:
            fields[field] = default


def _accumulation(sheet: Sheet) -> None:
    """The global batch divided among processes and micro-batches."""
    total = sheet.written("train.global_batch_size") or sheet.fact("global_batch_size")
    micro = sheet.fields["per_device_train_batch_size"]
    world = sheet.fields.get("world_size")
    processes = 1 if world is None else world.value
    whole = total.value
    if type(whole) is int and type(micro.value) is int and type(processes) is int:
        steps = max(1, whole // max(1, processes) // max(1, micro.value))
        sheet.fields["gradient_accumulation_steps"] = Field(total.state, steps, total.origin)
    else:
        reason = "the global batch divided by devices and micro-batch, not all of them known"
        sheet.fields["gradient_accumulation_steps"] = sheet.unknown(reason)
