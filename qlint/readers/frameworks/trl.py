"""TRL's command line, `trl sft --config config.yaml`, and scripts built on its parser."""

from __future__ import annotations

from qlint.knowledge import libraries
from qlint.readers.documents.nodes import Mapping
from qlint.readers.frameworks import common
from qlint.readers.frameworks.sheet import Sheet
from qlint.readers.frameworks.trainer_arguments import Arguments, attention
from qlint.recipe import ABSENT, Field, State

_CONFIGS = (
    ("SFTConfig", {"packing", "dataset_text_field", "completion_only_loss", "assistant_only_loss",
                   "max_seq_length", "packing_strategy", "eos_token", "dataset_kwargs"}),
    ("DPOConfig", {"beta", "loss_type", "max_prompt_length", "precompute_ref_log_probs",
                   "label_smoothing", "rpo_alpha", "ref_model_mixup_alpha", "loss_weights"}),
    ("GRPOConfig", {"num_generations", "max_completion_length", "reward_weights", "use_vllm",
                    "reward_funcs", "vllm_mode", "epsilon_high", "scale_rewards", "temperature"}),
    ("KTOConfig", {"desirable_weight", "undesirable_weight", "beta"}),
    ("RewardConfig", {"center_rewards_coefficient"}),
)  # fmt: skip
_OF_COMMAND = {
    "sft": "SFTConfig", "dpo": "DPOConfig", "orpo": "ORPOConfig", "kto": "KTOConfig",
    "grpo": "GRPOConfig", "reward": "RewardConfig", "rloo": "RLOOConfig",
}  # fmt: skip
_DECISIVE = frozenset({"beta", "num_generations", "desirable_weight", "undesirable_weight"})
"""What no run of supervised fine-tuning has."""

_SPECIAL = frozenset({
    "use_peft", "lora_target_modules", "use_bnb_nested_quant", "bnb_4bit_quant_type",
    "dataset_train_split", "dataset_test_split", "dataset_text_field", "packing", "beta",
    "num_generations", "attn_implementation", "lora_r", "load_in_4bit", "load_in_8bit",
    "gradient_checkpointing_kwargs", "max_completion_length", "completion_only_loss", "dtype",
})  # fmt: skip
_GENERAL = frozenset({
    "dataset_name", "dataset_config", "torch_dtype", "model_revision", "max_seq_length",
    "max_length", "trust_remote_code", "lora_alpha", "learning_rate", "num_train_epochs",
    "per_device_train_batch_size", "dataset_id_or_path", "datasets", "report_to",
})  # fmt: skip
_OTHERS = ("block_size", "train_file", "validation_file", "preprocessing_num_workers",
           "max_source_length", "config_name")  # fmt: skip


def recognise(root: Mapping) -> float:
    """A model's name beside keys of TRL's ModelConfig and ScriptArguments."""
    if "model_name_or_path" not in root:
        return 0.0
    if any(key in root for key in (*_OTHERS, *common.OTHER_SCRIPTS)):
        return 0.0
    special, general = (sum(key in root for key in keys) for keys in (_SPECIAL, _GENERAL))
    return min(0.9, 0.1 + (2 * special + general) / 10) if 2 * special + general >= 3 else 0.0


def read(sheet: Sheet) -> None:
    """Fill in the fields of a run of TRL."""
    fill(sheet, {})


def fill(sheet: Sheet, versions: dict[str, str]) -> None:
    """The same at other versions than the newest where the user's are not known."""
    name = _OF_COMMAND.get(sheet.command or "") or _config(sheet)
    arguments = Arguments(sheet, "trl", name, versions)
    if not arguments.parameters:
        arguments = Arguments(sheet, "transformers", "TrainingArguments", versions)
    arguments.fill()
    model = Arguments(sheet, "trl", "ModelConfig", versions)
    script = libraries.parameters("trl", "ScriptArguments", model.versions)
    sheet.also_known((*arguments.parameters, *model.parameters, *script))
    sheet.take("model_name")
    sheet.require("model_name")
    sheet.fields["max_seq_length"] = _length(sheet, arguments)
    sheet.fields["packing"] = _packing(sheet, arguments, name)
    sheet.fields["attn_implementation"] = _attention(sheet)
    _adapter(sheet, model)
    _quantisation(sheet, model)
    # The parser also serves scripts with arguments of their own: only near misses are noted.
    sheet.note_unknown_keys(near_only=True)


def _attention(sheet: Sheet) -> Field:
    """As written, also as the alignment handbook wrote it before transformers had a choice."""
    if sheet.node("attn_implementation") is None and sheet.on("use_flash_attention_2"):
        key = "use_flash_attention_2"
        return sheet.concluded(key, "flash_attention_2", f"{key}: true")
    return attention(sheet, "attn_implementation")


def _config(sheet: Sheet) -> str:
    """The configuration class whose own keys are written; SFT's where none are."""
    best, name = 0, "SFTConfig"
    for candidate, keys in _CONFIGS:
        found = sum(1 + (key in _DECISIVE) for key in keys if key in sheet.root)
        if found > best:
            best, name = found, candidate
    return name


def _length(sheet: Sheet, arguments: Arguments) -> Field:
    for key in ("max_length", "max_seq_length"):
        written = sheet.written(key)
        if written is not None:
            sheet.check_number(key, written)
            return written
    for key in ("max_length", "max_seq_length"):
        default = arguments.default(key)
        if default is not None and default.value is not None:
            return default
    return ABSENT


def _packing(sheet: Sheet, arguments: Arguments, name: str) -> Field:
    if name != "SFTConfig":
        return ABSENT
    written = sheet.written("packing")
    return written or arguments.default("packing") or sheet.by_default(False)


def _adapter(sheet: Sheet, model: Arguments) -> None:
    switch = sheet.written("use_peft") or model.default("use_peft")
    if switch is not None and switch.state is State.UNKNOWN:
        for name in common.ADAPTER_FIELDS:
            sheet.fields[name] = switch
        return
    if switch is None or not switch.value:
        common.no_adapter(sheet)
        keys = ("lora_r", "lora_alpha", "lora_target_modules")
        common.forgotten_adapter(sheet, keys, "use_peft", "use_peft: true")
        return
    for name in ("lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora"):
        found = sheet.written(name) or model.default(name) or sheet.by_default(False)
        sheet.check_number(name, found)
        sheet.fields[name] = found
    targets = sheet.written("lora_target_modules", common.module_list)
    via = "default of PEFT, by the model's architecture"
    sheet.fields["target_modules"] = targets or sheet.by_default(None, via)
    saved = sheet.written("lora_modules_to_save", common.module_list)
    sheet.fields["modules_to_save"] = saved or sheet.by_default(None)


def _quantisation(sheet: Sheet, model: Arguments) -> None:
    four, eight = sheet.written("load_in_4bit"), sheet.written("load_in_8bit")
    for switch in (four, eight):
        if switch is not None and switch.state is State.UNKNOWN:
            common.undecided(sheet, switch)
            return
    if four is not None and four.value:
        common.four_bit(sheet, four, eight)
        fields = sheet.fields
        fields["quant_type"] = (
            sheet.written("bnb_4bit_quant_type") or model.default("bnb_4bit_quant_type") or ABSENT
        )
        fields["double_quant"] = (
            sheet.written("use_bnb_nested_quant") or model.default("use_bnb_nested_quant") or ABSENT
        )
        fields["compute_dtype"] = _dtype(sheet, model)
        storage = sheet.written("bnb_4bit_quant_storage", common.dtype)
        via = "default of BitsAndBytesConfig"
        fields["quant_storage"] = storage or sheet.by_default("uint8", via)
    elif eight is not None and eight.value:
        common.eight_bit(sheet, eight, four)
    else:
        common.not_quantised(sheet, four, eight)


def _dtype(sheet: Sheet, model: Arguments) -> Field:
    """The compute dtype is the model's dtype."""
    for key in ("dtype", "torch_dtype"):
        written = sheet.written(key, common.dtype)
        if written is not None:
            if written.value == "auto":
                return sheet.unknown("the checkpoint's own dtype (auto)", key)
            return written
    default = model.default("dtype") or model.default("torch_dtype")
    if default is None or default.value in (None, "auto"):
        return sheet.unknown("the checkpoint's own dtype")
    return Field(default.state, common.dtype(default.value), default.origin)
