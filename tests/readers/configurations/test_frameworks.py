"""What each framework does with its file, beyond taking over what is written."""

from __future__ import annotations

import json

import pytest
from configuration_texts import only_recipe, read_text, states, values

from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import State

FACTORY = """
model_name_or_path: Qwen/Qwen3-4B
quantization_bit: 4
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
dataset: identity
template: qwen3
cutoff_len: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1e-4
bf16: true
"""


def test_llamafactory_has_defaults_of_its_own() -> None:
    recipe = only_recipe(FACTORY)
    assert recipe.framework == "llamafactory"
    assert values(recipe, "lora_alpha", "target_modules", "quant_type", "double_quant") == {
        "lora_alpha": 16, "target_modules": "all-linear", "quant_type": "nf4", "double_quant": True,
    }  # fmt: skip
    assert states(recipe, "lora_alpha", "gradient_checkpointing", "use_reentrant") == dict.fromkeys(
        ("lora_alpha", "gradient_checkpointing", "use_reentrant"), "default"
    )
    assert recipe.value("gradient_checkpointing") is True
    assert recipe.value("compute_dtype") == "bfloat16"


def test_omegaconf_reads_a_rate_without_a_dot_as_a_number() -> None:
    reading = read_text(FACTORY)
    assert reading.recipes[0].value("learning_rate") == 1e-4
    assert not reading.notes


def test_llamafactory_checkpoints_unless_it_is_told_not_to() -> None:
    off = FACTORY + "disable_gradient_checkpointing: true\n"
    recipe = only_recipe(off)
    assert (recipe["gradient_checkpointing"].state, recipe.value("gradient_checkpointing")) == (
        State.SET,
        False,
    )
    assert recipe["use_reentrant"].state is State.ABSENT
    ignored = only_recipe(FACTORY + "gradient_checkpointing: false\n")
    assert ignored.value("gradient_checkpointing") is True


@pytest.mark.parametrize("text", ["do_train: false", "export_dir: out"])
def test_what_does_not_train_is_no_run(text: str) -> None:
    kept = [line for line in FACTORY.splitlines() if "do_train" not in line]
    assert not read_text("\n".join([*kept, text])).recipes


TUNE = """
output_dir: /tmp/out
model:
  _component_: torchtune.models.llama3_1.qlora_llama3_1_8b
  lora_attn_modules: ['q_proj', 'v_proj', 'output_proj']
  apply_lora_to_mlp: True
  apply_lora_to_output: False
  lora_rank: 8
  lora_alpha: 16
checkpointer:
  checkpoint_dir: ${output_dir}/base
tokenizer: {max_seq_len: null}
batch_size: 2
epochs: 2
max_steps_per_epoch: 100
gradient_accumulation_steps: 8
optimizer:
  _component_: torch.optim.AdamW
  lr: 3e-4
dtype: bf16
enable_activation_checkpointing: True
"""


def test_torchtune_does_not_quantise_by_bitsandbytes() -> None:
    recipe = only_recipe(TUNE)
    assert values(recipe, "quant_method", "load_in_4bit", "quant_type", "learning_rate") == {
        "quant_method": "torchao", "load_in_4bit": False, "quant_type": "nf4",
        "learning_rate": 3e-4,
    }  # fmt: skip
    assert recipe.value("target_modules") == [
        "q_proj", "v_proj", "o_proj", "gate_proj", "down_proj", "up_proj",
    ]  # fmt: skip
    assert recipe.value("model_name") is None  # A part of it is interpolated.
    assert recipe["model_name"].state is State.UNKNOWN
    assert (recipe.value("max_steps"), recipe.value("weight_decay")) == (200, 0.01)
    assert states(recipe, "lr_scheduler_type", "warmup", "max_seq_length") == dict.fromkeys(
        ("lr_scheduler_type", "warmup", "max_seq_length"), "absent"
    )


@pytest.mark.parametrize(
    ("builder", "version", "leaves"),
    [
        ("llama3_1.qlora_llama3_1_8b", "0.6.1", False),
        ("llama3_1.qlora_llama3_1_8b", "0.3.0", False),
        ("llama3_1.qlora_llama3_1_8b", "0.2.1", True),
        ("qwen2_5.qlora_qwen2_5_7b_instruct", "0.6.1", True),
    ],
)
def test_which_layers_torchtune_quantises(builder: str, version: str, leaves: bool) -> None:
    text = TUNE.replace("llama3_1.qlora_llama3_1_8b", builder)
    request = Request(display_path="config.yaml", target_versions={"torchtune": version})
    (recipe,) = read("config.yaml", text.encode(), request).recipes
    said = [one for one in recipe.assumptions if "only the linear layers" in one]
    assert bool(said) is leaves


def test_torchtune_follows_an_interpolation_that_is_a_whole_value() -> None:
    text = TUNE.replace("${output_dir}/base", "${output_dir}")
    assert only_recipe(text).value("model_name") == "/tmp/out"


def test_torchtune_names_unknown_arguments_of_the_builder() -> None:
    (note,) = read_text(TUNE.replace("lora_rank", "lora_rnak")).notes
    assert (note.key, note.suggestion) == ("model.lora_rnak", "lora_rank")


HANDBOOK = """
model_name_or_path: mistralai/Mistral-7B-v0.1
torch_dtype: bfloat16
use_peft: true
load_in_4bit: true
lora_r: 16
lora_target_modules: [q_proj, v_proj]
dataset_mixer: {a: 1.0}
learning_rate: 2.0e-04
max_seq_length: 2048
chat_template: "{% for m in messages %}{{ m }}{% endfor %}"
"""


def test_the_handbook_before_attention_had_a_name() -> None:
    recipe = only_recipe(HANDBOOK + "use_flash_attention_2: true\n")
    assert recipe.value("attn_implementation") == "flash_attention_2"
    plain = only_recipe(HANDBOOK + "use_flash_attention_2: false\n")
    assert plain["attn_implementation"].state is State.DEFAULT


def test_the_handbook_computes_in_the_dtype_of_the_model() -> None:
    recipe = only_recipe(HANDBOOK)
    assert recipe.framework == "alignment-handbook"
    assert values(recipe, "compute_dtype", "quant_type", "double_quant", "lora_alpha") == {
        "compute_dtype": "bfloat16", "quant_type": "nf4", "double_quant": False, "lora_alpha": 32,
    }  # fmt: skip


def test_trl_without_use_peft_trains_no_adapter() -> None:
    text = HANDBOOK.replace("use_peft: true\n", "").replace("dataset_mixer: {a: 1.0}\n", "")
    recipe = only_recipe(text)
    assert (recipe.framework, recipe["lora_r"].state) == ("trl", State.ABSENT)


def test_preference_runs_have_other_defaults() -> None:
    text = HANDBOOK.replace("learning_rate: 2.0e-04", "beta: 0.1")
    recipe = only_recipe(text)
    assert recipe.value("learning_rate") == 1e-6
    assert recipe["packing"].state is State.ABSENT


LITGPT = """
checkpoint_dir: checkpoints/meta-llama/Meta-Llama-3-8B
precision: bf16-true
quantize: bnb.nf4-dq
devices: 1
lora_r: 32
lora_key: true
train: {global_batch_size: 8, micro_batch_size: 2, epochs: 2}
optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 2e-4}}
"""


def test_litgpt_pages_the_optimizer_of_a_quantised_run() -> None:
    recipe = only_recipe(LITGPT)
    assert values(recipe, "optim", "double_quant", "target_modules", "learning_rate") == {
        "optim": "bitsandbytes.optim.PagedAdamW", "double_quant": True,
        "target_modules": ["q_proj", "k_proj", "v_proj"], "learning_rate": 2e-4,
    }  # fmt: skip
    assert recipe.value("gradient_accumulation_steps") == 4
    assert recipe.value("gradient_checkpointing") is False


def test_litgpt_before_its_optimizer_was_a_class() -> None:
    old = LITGPT.replace("epochs: 2}", "epochs: 2, learning_rate: 3e-4, weight_decay: 0.1}")
    recipe = only_recipe(old.replace("optimizer: {class_path", "unused: {class_path"))
    assert values(recipe, "learning_rate", "weight_decay") == {
        "learning_rate": 3e-4, "weight_decay": 0.1,
    }  # fmt: skip
    assert states(recipe, "learning_rate", "optim") == {"learning_rate": "set", "optim": "set"}


AUTOTRAIN = """
task: llm-sft
base_model: meta-llama/Meta-Llama-3-8B
project_name: a
params:
  block_size: 1024
  peft: true
  lr: 2.0e-5
  mixed_precision: bf16
"""


def test_autotrain_quantises_unless_null_is_written() -> None:
    recipe = only_recipe(AUTOTRAIN)
    assert (recipe["load_in_4bit"].state, recipe.value("load_in_4bit")) == (State.DEFAULT, True)
    assert recipe.value("compute_dtype") == "float16"
    assert only_recipe(AUTOTRAIN + "  quantization: null\n").value("load_in_4bit") is False


LUDWIG = """
model_type: llm
base_model: meta-llama/Llama-2-7b-hf
quantization: {bits: 4}
adapter: lora
trainer: {type: finetune, learning_rate: 0.0003, batch_size: 2}
"""


def test_ludwig() -> None:
    recipe = only_recipe(LUDWIG)
    assert values(recipe, "lora_r", "lora_alpha", "quant_type", "compute_dtype") == {
        "lora_r": 8, "lora_alpha": 16, "quant_type": "nf4", "compute_dtype": "float16",
    }  # fmt: skip
    assert recipe["gradient_accumulation_steps"].state is State.UNKNOWN
    assert not read_text(LUDWIG.replace("type: finetune, ", "")).recipes


SWIFT = """
model: Qwen/Qwen2.5-7B-Instruct
torch_dtype: bfloat16
tuner_type: lora
quant_method: bnb
quant_bits: 4
dataset: a
per_device_train_batch_size: 4
max_length: 2048
"""


def test_swift_accumulates_to_sixteen() -> None:
    recipe = only_recipe(SWIFT)
    assert values(recipe, "gradient_accumulation_steps", "learning_rate", "compute_dtype") == {
        "gradient_accumulation_steps": 4, "learning_rate": 1e-4, "compute_dtype": "bfloat16",
    }  # fmt: skip
    assert recipe.value("gradient_checkpointing") is True


def test_swift_2_has_other_names() -> None:
    text = """
    {"model_id_or_path": "qwen/Qwen-1_8B", "sft_type": "lora", "dataset": ["a"], "dtype": "fp16",
     "quantization_bit": 4, "bnb_4bit_comp_dtype": "AUTO", "lora_dropout": 0.05,
     "lora_dropout_p": 0.1, "lora_rank": 8, "batch_size": 2, "use_flash_attn": true}
    """
    recipe = only_recipe(text, ".json")
    assert values(recipe, "lora_dropout", "fp16", "bf16", "compute_dtype", "load_in_4bit") == {
        "lora_dropout": 0.1, "fp16": True, "bf16": False, "compute_dtype": "float16",
        "load_in_4bit": True,
    }  # fmt: skip
    assert recipe.value("per_device_train_batch_size") == 2
    assert recipe.value("attn_implementation") == "flash_attention_2"
    targets = recipe["target_modules"]
    assert (targets.state, targets.value) == (State.DEFAULT, None)
    left_open = only_recipe(text.replace('"fp16"', '"AUTO"'), ".json")
    assert left_open["bf16"].state is State.UNKNOWN


UNSLOTH = """
model: unsloth/Qwen2.5-0.5B
training: {training_type: lora, batch_size: 2, num_epochs: 1, gradient_checkpointing: unsloth}
lora: {lora_r: 64, target_modules: "q_proj,v_proj"}
"""


def test_unsloth() -> None:
    recipe = only_recipe(UNSLOTH)
    assert values(recipe, "target_modules", "gradient_checkpointing", "optim", "quant_type") == {
        "target_modules": ["q_proj", "v_proj"], "gradient_checkpointing": True,
        "optim": "adamw_8bit", "quant_type": "nf4",
    }  # fmt: skip
    assert recipe["compute_dtype"].state is State.UNKNOWN


def test_arguments_leave_to_the_script_what_is_its() -> None:
    arguments = {"output_dir": "a", "num_train_epochs": 2, "learning_rate": 1e-4, "bf16": True,
                 "per_device_train_batch_size": 2}  # fmt: skip
    recipe = only_recipe(json.dumps(arguments), ".json")
    assert (recipe.framework, recipe.kind) == ("transformers", "json")
    assert recipe.value("learning_rate") == 1e-4
    assert recipe["lora_r"].state is State.UNKNOWN
    assert "script" in (recipe["lora_r"].reason or "")


@pytest.mark.parametrize(
    ("format_", "text", "suffix", "field", "value"),
    [
        ("deepspeed", {"zero_optimization": {"stage": 3}, "bf16": {"enabled": True}}, ".json",
         "bf16", True),
        ("peft", {"peft_type": "LORA", "base_model_name_or_path": "a", "r": 8}, ".json",
         "lora_r", 8),
        ("fsdp", {"fsdp": "full_shard", "fsdp_config": {"fsdp_version": 2}}, ".json",
         "distributed", "fsdp"),
        ("accelerate", {"distributed_type": "FSDP", "num_processes": 2, "mixed_precision": "bf16"},
         ".yaml", "world_size", 2),
    ],
)  # fmt: skip
def test_companions_train_nothing(
    format_: str, text: object, suffix: str, field: str, value: object
) -> None:
    reading = read_text(json.dumps(text), suffix)
    assert not reading.recipes
    (companion,) = reading.companions
    assert companion.format == format_
    assert companion.fields[field].value == value


RECORDS = [
    {"log_history": [], "num_train_epochs": 1, "max_steps": 1, "logging_steps": 1, "save_steps": 1},
    {"_wandb": {}, "num_train_epochs": {"value": 1}, "learning_rate": {"value": 1}, "bf16": {},
     "optim": {}},
    {"model_name_or_path": "a", "with_tracking": True, "lora_rank": 8, "learning_rate": 1e-4,
     "preprocessing_num_workers": 1, "num_train_epochs": 1, "dataset_mixer": {"a": 1}},
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS)
def test_records_and_other_scripts_are_no_runs(record: object) -> None:
    assert not read_text(json.dumps(record), ".json").recipes


@pytest.mark.parametrize(
    "text", ["name: ci\non: push\njobs: {train: {steps: []}}", "lora: {r: 8}\ntraining: {lr: 1}"]
)
def test_other_files_are_no_runs(text: str) -> None:
    reading = read_text(text)
    assert not reading.recipes
    assert not reading.problems


def test_a_broken_file_of_somebody_else_is_no_problem() -> None:
    assert not read_text("a: [\n").problems
    assert read_text("learning_rate: [\n").problems


def test_variables_and_placeholders_are_unknown_with_the_reason() -> None:
    text = FACTORY.replace("lora_rank: 8", "lora_rank: ${RANK}")
    recipe = only_recipe(text.replace("Qwen/Qwen3-4B", "'{{ model }}'"))
    assert "environment" in (recipe["lora_r"].reason or "")
    assert "placeholder" in (recipe["model_name"].reason or "")
    assert recipe["lora_alpha"].state is State.UNKNOWN


def test_each_document_of_a_file_is_a_run_and_a_note_says_so() -> None:
    reading = read_text(FACTORY + "---\n" + FACTORY.lstrip())
    assert [recipe.id for recipe in reading.recipes] == ["config.yaml:1", "config.yaml:1#2"]
    assert [note.kind for note in reading.notes] == ["several-documents"]


def test_set_fields_say_where() -> None:
    for text in (FACTORY, TUNE, HANDBOOK, LITGPT, AUTOTRAIN, LUDWIG, SWIFT, UNSLOTH):
        for name, field in only_recipe(text).fields.items():
            if field.state is State.SET:
                assert any(origin.path and origin.line for origin in field.origin), name


SECOND_FACTORY = """
model: Qwen/Qwen3-0.6B
model_class: llm
peft_config: {name: lora, r: 16, lora_alpha: 32, target_modules: all}
dist_config: {name: fsdp2}
quant_config: {name: bnb, quantization_bit: 4}
train_dataset: data.yaml
micro_batch_size: 2
global_batch_size: 8
cutoff_len: 1024
learning_rate: 1e-4
"""


def test_the_second_design_of_llamafactory() -> None:
    recipe = only_recipe(SECOND_FACTORY)
    assert (recipe.framework, recipe.value("distributed")) == ("llamafactory", "fsdp")
    wanted = {
        "load_in_4bit": True, "quant_type": "nf4", "double_quant": True, "compute_dtype": "float16",
        "quant_storage": "float16", "lora_r": 16, "lora_dropout": 0.05, "learning_rate": 1e-4,
        "target_modules": "all-linear", "gradient_accumulation_steps": 4, "max_seq_length": 1024,
        "optim": "torch.optim.AdamW", "lr_scheduler_type": "constant", "bf16": True,
        "gradient_checkpointing": True, "weight_decay": 0.01,
    }  # fmt: skip
    assert values(recipe, *wanted) == wanted


@pytest.mark.parametrize(
    ("change", "to", "field", "value"),
    [
        ("quantization_bit: 4", "quantization_bit: 8", "load_in_8bit", True),
        ("name: bnb, quantization_bit: 4", "name: auto", "quant_method", "none"),
        ("name: lora", "name: freeze", "lora_r", None),
        (
            "cutoff_len",
            "enable_activation_checkpointing: false\ncutoff_len",
            "gradient_checkpointing",
            False,
        ),
    ],
)
def test_what_the_second_design_s_tables_say(
    change: str, to: str, field: str, value: object
) -> None:
    assert only_recipe(SECOND_FACTORY.replace(change, to)).value(field) == value


def test_the_second_design_samples_without_training() -> None:
    assert not read_text(SECOND_FACTORY.replace("train_dataset: data.yaml\n", "")).recipes


MEGATRON = """
model: Qwen/Qwen3-30B-A3B
dataset: [a, b]
tuner_type: lora
lora_rank: 16
micro_batch_size: 2
global_batch_size: 16
tensor_model_parallel_size: 1
lr: 1e-4
lr_warmup_fraction: 0.05
recompute_granularity: full
max_length: 2048
"""


def test_megatron_has_names_of_its_own() -> None:
    recipe = only_recipe(MEGATRON)
    wanted = {
        "lora_r": 16, "lora_alpha": 32.0, "learning_rate": 1e-4, "gradient_checkpointing": True,
        "gradient_accumulation_steps": 8, "effective_batch_size": 16, "distributed": "megatron",
        "warmup": {"steps": 0, "ratio": 0.05}, "quant_method": "none", "max_seq_length": 2048,
    }  # fmt: skip
    assert (recipe.framework, values(recipe, *wanted)) == ("ms-swift", wanted)


def test_megatron_trains_the_whole_model_unless_told_otherwise() -> None:
    recipe = only_recipe(MEGATRON.replace("tuner_type: lora\nlora_rank: 16\nmicro", "micro"))
    assert recipe["lora_r"].state is State.ABSENT


def test_a_part_of_a_layer_recomputed_is_not_decided() -> None:
    recipe = only_recipe(MEGATRON.replace("recompute_granularity: full\n", "min_lr: 1e-6\n"))
    assert recipe["gradient_checkpointing"].state is State.UNKNOWN


def test_swift_makes_options_of_its_file_so_a_rate_is_a_number() -> None:
    text = "model: m\ndataset: d\ntuner_type: lora\nlora_rank: 8\nlearning_rate: 1e-4\n"
    reading = read_text(text)
    assert reading.recipes[0].value("learning_rate") == 1e-4
    assert not reading.notes


@pytest.mark.parametrize(
    ("switch", "distributed"),
    [('"fsdp": [], ', "none"), ("", "none"), ('"fsdp": "full_shard", ', "fsdp")],
)
def test_settings_of_fsdp_alone_do_not_turn_it_on(switch: str, distributed: str) -> None:
    text = f"""{{"output_dir": "o", "num_train_epochs": 1, "learning_rate": 0.1, "save_steps": 5,
    "per_device_train_batch_size": 1, {switch}
    "fsdp_config": {{"min_num_params": 0, "xla": false}}}}"""
    assert only_recipe(text, ".json").value("distributed") == distributed
