"""A command line overrides a configuration, each framework in its own syntax."""

from __future__ import annotations

import pytest
from command_words import LAUNCHER, overridden
from configuration_texts import values
from hypothesis import given
from hypothesis import strategies as st

from qlint.recipe import State

AXOLOTL = """
base_model: m
adapter: qlora
load_in_4bit: true
lora_r: 16
learning_rate: 0.0002
micro_batch_size: 2
gradient_accumulation_steps: 4
sequence_len: 2048
bf16: true
datasets: []
"""
FACTORY = """
model_name_or_path: m
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
template: qwen3
cutoff_len: 2048
learning_rate: 1.0e-4
"""
TUNE = """
model: {_component_: torchtune.models.llama3.lora_llama3_8b, lora_rank: 8, lora_alpha: 16,
  lora_attn_modules: [q_proj]}
optimizer: {_component_: torch.optim.AdamW, lr: 3e-4}
lr_scheduler: {_component_: torchtune.training.get_cosine_schedule_with_warmup, num_warmup_steps: 9}
batch_size: 2
dtype: bf16
"""
TRL = """
model_name_or_path: m
use_peft: true
lora_r: 16
dataset_name: d
learning_rate: 2.0e-4
"""
HANDBOOK = TRL + "dataset_mixer: {a: 1.0}\n"
LITGPT = """
checkpoint_dir: c
lora_r: 8
precision: bf16-true
train: {global_batch_size: 8, micro_batch_size: 2, epochs: 2}
optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.0002}}
"""
SWIFT = """
model: m
dataset: d
tuner_type: lora
lora_rank: 8
learning_rate: 0.0002
"""
UNSLOTH = """
model: m
training: {training_type: lora, max_seq_length: 2048, load_in_4bit: true, num_epochs: 1}
lora: {lora_r: 8, lora_alpha: 8}
"""

CASES = [
    ("axolotl", AXOLOTL, "train config.yaml --lora-r 4 --no-load-in-4bit --max-steps -1",
     {"lora_r": 4, "load_in_4bit": False, "max_steps": -1}),
    ("axolotl by fire", AXOLOTL, "config.yaml --lora_r=4 --sequence_len=512",
     {"lora_r": 4, "max_seq_length": 512}),
    ("llamafactory", FACTORY, "train config.yaml lora_rank=4 learning_rate=1e-5 lora_target=[a,b]",
     {"lora_r": 4, "lora_alpha": 8, "learning_rate": 1e-5, "target_modules": ["a", "b"]}),
    ("torchtune", TUNE, "run lora_finetune_single_device --config config.yaml model.lora_rank=4 "
     "optimizer.lr=1e-5 ~lr_scheduler optimizer=torch.optim.SGD",
     {"lora_r": 4, "learning_rate": 1e-5, "lr_scheduler_type": None, "optim": "torch.optim.SGD"}),
    ("trl", TRL, "sft --config config.yaml --lora_r 4 --lora_target_modules a b --load_in_4bit",
     {"lora_r": 4, "target_modules": ["a", "b"], "load_in_4bit": True}),
    ("alignment handbook", HANDBOOK, "config.yaml --lora_r=4 --load_in_4bit=true",
     {"lora_r": 4, "load_in_4bit": True}),
    ("litgpt", LITGPT, "finetune_lora c2 --config config.yaml --train.micro_batch_size 4 "
     "--optimizer.lr 1e-5 --lora_r 4 --quantize bnb.nf4",
     {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 1e-5,
      "lora_r": 4, "quant_type": "nf4", "model_name": "c2"}),
    ("ms-swift", SWIFT, "sft config.yaml --lora_rank 4 --target_modules all-linear",
     {"lora_r": 4, "target_modules": "all-linear"}),
    ("unsloth", UNSLOTH, "train --config config.yaml --lora-r 4 --max-seq-length 512",
     {"lora_r": 4, "max_seq_length": 512}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "wanted"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_the_command_line_wins(text: str, line: str, wanted: dict[str, object]) -> None:
    (recipe,) = overridden(text, line).recipes
    assert values(recipe, *wanted) == wanted
    assert "no command-line overrides" not in recipe.assumptions


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (AXOLOTL, "train config.yaml --learning-rate $LR"),
        (AXOLOTL, "config.yaml --learning_rate=$LR"),
        (FACTORY, "train config.yaml learning_rate=$LR"),
        (TUNE, "--config config.yaml optimizer.lr=$LR"),
        (TRL, "sft --config config.yaml --learning_rate $LR"),
        (HANDBOOK, "config.yaml --learning_rate=$LR"),
        (LITGPT, "finetune --config config.yaml --optimizer.lr $LR"),
        (SWIFT, "sft --learning_rate $LR"),
        (UNSLOTH, "train --config config.yaml --learning-rate $LR"),
    ],
)
def test_a_word_that_is_not_known_makes_its_field_unknown(text: str, line: str) -> None:
    (recipe,) = overridden(text, line).recipes
    field = recipe["learning_rate"]
    assert (field.state, field.reason) == (State.UNKNOWN, "by a command")
    assert field.origin[0].path == LAUNCHER
    assert recipe["lora_r"].known


def test_both_ends_are_shown() -> None:
    (recipe,) = overridden(AXOLOTL, "train config.yaml --learning-rate 1e-5").recipes
    word, configuration = recipe["learning_rate"].origin
    assert (word.path, word.line, word.column, word.via) == (LAUNCHER, 7, 4, "--learning-rate")
    assert (configuration.path, configuration.line) == ("config.yaml", 5)
    assert configuration.via == "overrides learning_rate of config.yaml:5"


def test_what_the_configuration_does_not_say_overrides_nothing() -> None:
    (recipe,) = overridden(AXOLOTL, "train config.yaml --weight-decay 0.1").recipes
    (word,) = recipe["weight_decay"].origin
    assert word.path == LAUNCHER


@pytest.mark.parametrize(
    ("text", "line", "key", "meant"),
    [
        (AXOLOTL, "train config.yaml --lora-rr 4", "lora_rr", "lora_r"),
        (FACTORY, "train config.yaml lora_rnak=4", "lora_rnak", "lora_rank"),
        (TUNE, "--config config.yaml model.lora_rnak=4", "model.lora_rnak", "lora_rank"),
    ],
)
def test_an_option_that_there_is_not_is_noted(text: str, line: str, key: str, meant: str) -> None:
    (note,) = overridden(text, line).notes
    assert (note.kind, note.key, note.suggestion) == ("unknown-key", key, meant)
    assert note.origin.path == LAUNCHER


def test_the_program_s_own_options_are_no_keys() -> None:
    line = "train config.yaml --launcher torchrun --debug --lora-r 4 -- --nproc_per_node 2 --lora-x"
    reading = overridden(AXOLOTL, line)
    assert not reading.notes
    assert reading.recipes[0].value("lora_r") == 4


def test_a_word_that_may_hold_any_options_leaves_nothing_sure() -> None:
    (recipe,) = overridden(FACTORY, "train config.yaml $EXTRA").recipes
    field = recipe["learning_rate"]
    assert (field.state, field.open_ended) == (State.UNKNOWN, True)
    assert [one.value for one in field.alternatives] == [1e-4]
    assert recipe.value("framework") == "llamafactory"


def test_the_environment_says_how_many_processes_train() -> None:
    (recipe,) = overridden(AXOLOTL, "", WORLD_SIZE="4").recipes
    assert values(recipe, "world_size", "distributed", "effective_batch_size") == {
        "world_size": 4, "distributed": "ddp", "effective_batch_size": 32,
    }  # fmt: skip
    assert "one process" not in recipe.assumptions
    (recipe,) = overridden(AXOLOTL + "deepspeed: zero2.json\n", "", WORLD_SIZE="4").recipes
    assert recipe.value("distributed") == "deepspeed"


@pytest.mark.parametrize("size", ["$N", "many", "-1", "9" * 40])
def test_a_number_of_processes_that_is_not_known(size: str) -> None:
    (recipe,) = overridden(AXOLOTL, "", WORLD_SIZE=size).recipes
    for name in ("world_size", "distributed", "effective_batch_size"):
        assert recipe[name].state is State.UNKNOWN


def test_a_component_given_by_its_name_alone_keeps_it() -> None:
    text = LITGPT.replace("{class_path: torch.optim.AdamW, init_args: {lr: 0.0002}}", "SGD")
    (recipe,) = overridden(text, "finetune --config config.yaml --optimizer.lr 1e-5").recipes
    assert values(recipe, "optim", "learning_rate") == {
        "optim": "torch.optim.SGD", "learning_rate": 1e-5,
    }  # fmt: skip


def test_swift_takes_fewer_steps_on_more_cards() -> None:
    (recipe,) = overridden(SWIFT, "sft config.yaml", NPROC_PER_NODE="4").recipes
    assert recipe.value("gradient_accumulation_steps") == 4


def test_torchtune_starts_its_processes_by_itself() -> None:
    line = "run --nproc_per_node 2 lora_finetune_distributed --config config.yaml batch_size=1"
    (recipe,) = overridden(TUNE, line).recipes
    assert values(recipe, "world_size", "distributed", "per_device_train_batch_size") == {
        "world_size": 2, "distributed": "fsdp", "per_device_train_batch_size": 1,
    }  # fmt: skip


def test_the_configurations_that_a_run_names() -> None:
    text = AXOLOTL + "deepspeed: deepspeed_configs/zero2.json\n"
    (recipe,) = overridden(text, "").recipes
    named = recipe.names["deepspeed"]
    assert (named.value, named.origin[0].line) == ("deepspeed_configs/zero2.json", 11)
    (recipe,) = overridden(AXOLOTL + "fsdp_config: {fsdp_version: 2}\n", "").recipes
    assert recipe.names["fsdp"].value == {"fsdp_version": 2}
    (recipe,) = overridden(FACTORY, "train config.yaml deepspeed=ds.json").recipes
    assert recipe.names["deepspeed"].value == "ds.json"
    assert overridden(FACTORY, "").recipes[0].names == {}


HOSTILE = [
    "--a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.lr 1", "learning_rate=" + "[" * 5_000,
    "learning_rate={a: &a [*a, *a]}", "--lora_r " + "9" * 5_000, "--= --- - = ~ ~= +=1",
    "learning_rate='[&a [1], &b [*a, *a], &c [*b, *b], &d [*c, *c], [*d, *d]]'", "~base_model.x.y",
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE, ids=[line[:24] for line in HOSTILE])
@pytest.mark.parametrize("text", [AXOLOTL, FACTORY, TUNE])
def test_hostile_words_are_read_to_the_end(text: str, line: str) -> None:
    (recipe,) = overridden(text, line).recipes
    assert recipe["lora_r"].state in (State.SET, State.UNKNOWN)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_words_leave_a_recipe_behind(line: list[str]) -> None:
    import shlex

    for text in (AXOLOTL, TUNE, LITGPT):
        reading = overridden(text, shlex.join(line))
        assert not reading.problems
        assert reading.recipes
