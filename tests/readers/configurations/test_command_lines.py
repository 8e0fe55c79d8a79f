"""Runs that stand on a command line alone."""

from __future__ import annotations

import pytest
from command_words import LAUNCHER, run_of, started
from configuration_texts import states, values
from hypothesis import given
from hypothesis import strategies as st

from qlint.recipe import State

QUANTISED = {"load_in_4bit": True, "lora_r": 4, "learning_rate": 1e-5}

CASES = [
    ("trl sft --model_name_or_path m --use_peft --lora_r 4 --load_in_4bit --learning_rate 1e-5",
     "trl", {**QUANTISED, "max_seq_length": 1024, "lora_alpha": 32}),
    ("trl.scripts.dpo --model_name_or_path m --use_peft --lora_r 4 --load_in_4bit "
     "--learning_rate 1e-5", "trl", {**QUANTISED, "packing": None}),
    ("llamafactory-cli train --stage sft --do_train --model_name_or_path m --finetuning_type lora "
     "--lora_rank 4 --quantization_bit 4 --learning_rate 1e-5 --lora_target q_proj,v_proj",
     "llamafactory", {**QUANTISED, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}),
    ("src/train_bash.py --stage sft --do_train --model_name_or_path m --finetuning_type lora "
     "--lora_rank 4 --quantization_bit 4 --learning_rate 1e-5", "llamafactory", QUANTISED),
    ("litgpt finetune_lora m --lora_r 4 --quantize bnb.nf4-dq --optimizer.lr 1e-5 "
     "--train.micro_batch_size 4", "litgpt",
     {**QUANTISED, "model_name": "m", "double_quant": True, "gradient_accumulation_steps": 4}),
    ("swift sft --model m --dataset a b --lora_rank 4 --quant_bits 4 --quant_method bnb "
     "--learning_rate 1e-5 --target_modules q_proj v_proj", "ms-swift",
     {**QUANTISED, "target_modules": ["q_proj", "v_proj"]}),
    ("megatron sft --model m --dataset d --tuner_type lora --lora_rank 4 --lr 1e-5 "
     "--micro_batch_size 2 --global_batch_size 16", "ms-swift",
     {"lora_r": 4, "learning_rate": 1e-5, "gradient_accumulation_steps": 8, "load_in_4bit": False}),
    ("autotrain llm --train --model m --project-name p --data-path d --lr 1e-5 --peft "
     "--quantization int4 --lora-r 4 --trainer sft", "autotrain",
     {**QUANTISED, "model_name": "m", "packing": True}),
    ("unsloth train --model m --lora-r 4 --learning-rate 1e-5 --load-in-4bit", "unsloth",
     QUANTISED),
    ("unsloth-cli.py --model_name m --load_in_4bit --r 4 --learning_rate 1e-5", "unsloth",
     {**QUANTISED, "gradient_checkpointing": True}),
    ("qlora.py --model_name_or_path m --lora_r 4 --learning_rate 1e-5 --bf16", "transformers",
     {**QUANTISED, "compute_dtype": "bfloat16", "optim": "paged_adamw_32bit", "max_steps": 10000,
      "warmup": {"steps": 0, "ratio": 0.03}, "target_modules": "all-linear"}),
    ("fastchat/train/train_lora.py --model_name_or_path m --q_lora True --lora_r 4 "
     "--learning_rate 1e-5 --fp16 True", "transformers",
     {**QUANTISED, "compute_dtype": "float16", "target_modules": ["q_proj", "v_proj"],
      "max_seq_length": 512}),
    ("run_clm_sft_with_peft.py --model_name_or_path m --load_in_kbits 4 --lora_rank 4 "
     "--learning_rate 1e-5 --trainable q_proj,k_proj", "transformers",
     {**QUANTISED, "target_modules": ["q_proj", "k_proj"], "max_seq_length": 1024}),
    ("examples/sft/train.py --model_name_or_path m --use_peft_lora True --lora_r 4 "
     "--use_4bit_quantization True --learning_rate 1e-5 --use_reentrant True "
     "--gradient_checkpointing True", "trl", {**QUANTISED, "use_reentrant": True}),
    ("openrlhf.cli.train_sft --pretrain m --lora_rank 4 --load_in_4bit --learning_rate 1e-5 "
     "--train_batch_size 64 --micro_train_batch_size 2", "openrlhf",
     {**QUANTISED, "gradient_accumulation_steps": 32, "distributed": "deepspeed"}),
    ("openrlhf.cli.train_sft --model.model_name_or_path m --ds.lora.rank 4 --ds.load_in_4bit "
     "--adam.lr 1e-5", "openrlhf", {**QUANTISED, "model_name": "m"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "framework", "wanted"), CASES, ids=[c[0][:28] for c in CASES])
def test_a_program_is_read_by_its_words(
    line: str, framework: str, wanted: dict[str, object]
) -> None:
    recipe = run_of(line)
    assert (recipe.framework, recipe.kind, recipe.source.line) == (framework, "shell", 7)
    assert values(recipe, *wanted) == wanted
    assert states(recipe, "lora_r", "learning_rate") == dict.fromkeys(
        ("lora_r", "learning_rate"), "set"
    )
    assert recipe["lora_r"].origin[0].path == LAUNCHER


def test_eight_bits_of_alpaca_lora_and_its_batch() -> None:
    line = "finetune.py --base_model m --micro_batch_size 8 --lora_target_modules '[q_proj,v_proj]'"
    recipe = run_of(line, WORLD_SIZE="2")
    assert values(recipe, "load_in_8bit", "gradient_accumulation_steps", "target_modules") == {
        "load_in_8bit": True, "gradient_accumulation_steps": 8,
        "target_modules": ["q_proj", "v_proj"],
    }  # fmt: skip
    assert recipe.value("effective_batch_size") == 128


def test_a_model_as_a_whole_has_no_adapter() -> None:
    recipe = run_of("run_clm.py --model_name_or_path m --do_train --learning_rate 1e-5")
    assert (recipe["lora_r"].state, recipe.value("quant_method")) == (State.ABSENT, "none")


def test_a_default_says_which_source_it_was_read_in() -> None:
    recipe = run_of("qlora.py --model_name_or_path m")
    assert recipe["lora_r"].state is State.DEFAULT
    assert (recipe["lora_r"].reason or "").startswith(
        "default of artidoro/qlora 7f4e95a (qlora.py:"
    )


@pytest.mark.parametrize(
    ("name", "premise"),
    [
        ("qlora.py", "qlora.py is taken for artidoro's qlora.py by its name and its arguments"),
        ("tune_it.py", "tune_it.py is taken for artidoro's qlora.py by its arguments"),
    ],
)
def test_that_a_script_is_taken_for_another_is_a_premise(name: str, premise: str) -> None:
    options = "--model_name_or_path m --max_memory_MB 9 --source_max_len 8 --double_quant --bits 4"
    assert premise in run_of(f"{name} {options}").assumptions


def test_one_name_two_scripts() -> None:
    own = run_of("sft.py --model_type qwen --sft_type lora --lora_rank 8 --dataset d")
    assert own.framework == "ms-swift"
    assert run_of("sft.py --model_name_or_path m --use_peft --dataset_name d").framework == "trl"


def test_a_script_of_a_stranger_is_not_taken_for_a_public_one() -> None:
    recipe = run_of("qlora.py --lora_r 8 --learning_rate 1e-4 --my_own 1 --another 2 --third 3")
    assert recipe["lora_alpha"].state is State.UNKNOWN
    assert recipe["lora_alpha"].reason == "decided by qlora.py, which is not there"
    assert values(recipe, "lora_r", "learning_rate") == {"lora_r": 8, "learning_rate": 1e-4}


@pytest.mark.parametrize(
    "line",
    [
        "train.py --epochs 3",
        "train.py",
        "python --learning_rate 1e-4 --lora_r 8",
        "trl chat --model m",
        "llamafactory-cli export --model_name_or_path m",
        "litgpt download m",
        "swift infer --model m",
        "axolotl preprocess c.yml",
        "make -j 4",
    ],
)
def test_what_does_not_train_is_nobody_s(line: str) -> None:
    assert started(line) is None


def test_adapters_without_a_rank_are_no_run() -> None:
    reading = started("litgpt finetune_adapter m")
    assert reading is not None
    assert not reading.recipes


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("trl sft --config gone.yaml --learning_rate 1e-5", "gone.yaml"),
        ("axolotl train gone.yml --learning-rate 1e-5", "gone.yml"),
        ("xtuner train gone.py --cfg-options optim_wrapper.optimizer.lr=1e-5", "gone.py"),
        ("axolotl.cli.train gone.yml --learning_rate=1e-5", "gone.yml"),
        ("llamafactory-cli train gone.yaml learning_rate=1e-5", "gone.yaml"),
        ("tune run lora --config llama3/8B_lora optimizer.lr=1e-5", "llama3/8B_lora"),
        (
            "recipes/lora_finetune_single_device.py --config gone.yaml optimizer.lr=1e-5",
            "gone.yaml",
        ),
        ("litgpt finetune_lora m --config gone.yaml --optimizer.lr 1e-5", "gone.yaml"),
        ("run_sft.py gone.yaml --learning_rate=1e-5 --lora_r=8", "gone.yaml"),
        ("unsloth train --config gone.yaml --learning-rate 1e-5", "gone.yaml"),
    ],
)
def test_a_configuration_that_is_not_there_decides_what_is_not_given(line: str, file: str) -> None:
    recipe = run_of(line)
    assert recipe.value("learning_rate") == 1e-5
    for name in ("load_in_4bit", "max_seq_length", "optim"):
        assert recipe[name].state is State.UNKNOWN
        assert recipe[name].reason == f"decided by {file}, which is not there"


@pytest.mark.parametrize(
    "line", ["trl sft --config gone.yaml", "litgpt finetune --config gone.yaml"]
)
def test_a_configuration_that_is_not_there_may_spread_the_run(line: str) -> None:
    assert run_of(line)["distributed"].state is State.UNKNOWN


def test_a_word_that_is_not_known() -> None:
    recipe = run_of("trl sft --model_name_or_path m --use_peft --learning_rate $LR")
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert recipe.value("lora_r") == 16
    recipe = run_of("trl sft $EVERYTHING --model_name_or_path m --use_peft")
    assert recipe["lora_r"].state is State.UNKNOWN
    assert recipe["lora_r"].open_ended


def test_a_misspelt_option_is_noted() -> None:
    reading = started("qlora.py --model_name_or_path m --lora_r 8 --lora_dropuot 0.1 --bits 4")
    assert reading is not None
    (note,) = reading.notes
    assert (note.key, note.suggestion, note.origin.path) == (
        "lora_dropuot",
        "lora_dropout",
        LAUNCHER,
    )


PROGRAMS = ["trl", "qlora.py", "litgpt", "tune", "openrlhf.cli.train_sft", "swift", "train.py"]
WORDS = st.sampled_from(
    [
        "sft",
        "run",
        "finetune_lora",
        "--lora_r",
        "--use_peft",
        "4",
        "-1",
        "$X",
        "--config",
        "c.yaml",
        "--learning_rate=$Y",
        "a=b",
        "~a",
        "--",
        "--bits",
        "16",
        "--full_finetune",
        "nan",
        "--ds.lora.rank",
        "--train_batch_size",
        "0",
        "--micro_train_batch_size",
        "[1, 2",
        "--learning_rate",
        "--max_steps",
    ]
)


@given(st.sampled_from(PROGRAMS), st.lists(WORDS, max_size=9))
def test_any_words_are_read(program: str, line: list[str]) -> None:
    reading = started(" ".join([program, *(f"'{word}'" for word in line)]))
    for recipe in reading.recipes if reading is not None else ():
        for field in recipe.fields.values():
            assert field.state is not State.UNKNOWN or field.reason


def test_a_module_of_its_own_is_not_a_framework_of_that_name() -> None:
    assert started("src.train --config configs/qlora.yaml") is None
