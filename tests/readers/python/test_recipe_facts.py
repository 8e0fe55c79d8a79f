"""What is read of a trainer's run beside the fields of the recipe."""

from __future__ import annotations

from typing import Any

import pytest
from script_reading import lines, read_recipe

from qlint.recipe import Recipe, State

LOAD = """\
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments
model = AutoModelForCausalLM.from_pretrained(
    "meta-llama/Llama-2-7b-hf",
    quantization_config=BitsAndBytesConfig(load_in_4bit=True), {load}
)
"""
TRAIN = """\
def measure(prediction):
    return {{}}
trainer = Trainer(model=model, args=TrainingArguments("out", {arguments}), {given})
trainer.train()
"""


def read(load: str = "", arguments: str = "", given: str = "", **versions: str) -> Recipe:
    text = LOAD.format(load=load) + TRAIN.format(arguments=arguments, given=given)
    return read_recipe(text, target_versions=versions)


@pytest.mark.parametrize(
    ("load", "version", "state", "value"),
    [
        ("torch_dtype=torch.float32", "4.46", State.SET, "float32"),
        ("dtype='bfloat16'", "5.0", State.SET, "bfloat16"),
        ("torch_dtype='auto'", "4.46", State.SET, "auto"),
        ("", "4.46", State.DEFAULT, "float16"),
        ("torch_dtype=None", "4.46", State.DEFAULT, "float16"),
    ],
)
def test_the_dtype_of_the_load(load: str, version: str, state: State, value: str) -> None:
    field = read(load, transformers=version).facts["load_dtype"]
    assert (field.state, field.value) == (state, value)


def test_a_load_without_a_dtype_takes_the_checkpoints_own_since_transformers_5() -> None:
    assert "load_dtype" not in read(transformers="5.0").facts


def test_a_load_that_a_function_decides_is_unknown() -> None:
    field = read("torch_dtype=choose()", transformers="4.46").facts["load_dtype"]
    assert field.state is State.UNKNOWN


def test_trl_loads_a_name_in_a_dtype_of_its_own() -> None:
    recipe = read_recipe(
        """
        from transformers import BitsAndBytesConfig
        from trl import SFTConfig, SFTTrainer
        trainer = SFTTrainer(
            model="meta-llama/Llama-2-7b-hf",
            args=SFTConfig("out", model_init_kwargs={
                "quantization_config": BitsAndBytesConfig(load_in_4bit=True)}),
        )
        trainer.train()
        """,
        target_versions={"transformers": "4.46", "trl": "0.12"},
    )
    assert recipe.value("load_in_4bit") is True
    assert "load_dtype" not in recipe.facts


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("per_device_eval_batch_size", "", 8),
        ("per_device_eval_batch_size", "per_device_eval_batch_size=2", 2),
        ("eval_strategy", "", "no"),
        ("eval_strategy", "eval_strategy='steps'", "steps"),
        ("eval_accumulation_steps", "eval_accumulation_steps=4", 4),
        ("use_liger_kernel", "use_liger_kernel=True", True),
    ],
)
def test_arguments_that_memory_hangs_on(name: str, arguments: str, value: Any) -> None:
    assert read(arguments=arguments, transformers="4.56").fact(name) == value


def test_the_old_name_of_the_strategy() -> None:
    old = read(arguments="evaluation_strategy='epoch'", transformers="4.40")
    assert old.fact("eval_strategy") == "epoch"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("", False),
        ("compute_metrics=None", False),
        ("compute_metrics=measure", True),
        ("compute_metrics=lambda prediction: {}", True),
        ("compute_metrics=elsewhere()", None),
    ],
)
def test_metrics_are_given_or_not(given: str, value: bool | None) -> None:
    assert read(given=given).fact("compute_metrics") is value


def test_the_class_of_the_model() -> None:
    assert read().fact("model_class") == "AutoModelForCausalLM"


def test_facts_say_where_they_stand() -> None:
    recipe = read("torch_dtype=torch.float32", transformers="4.46")
    assert lines(recipe.facts["load_dtype"])[0] == 5


def test_a_hand_written_loop_has_no_facts() -> None:
    recipe = read_recipe(
        LOAD.format(load="")
        + "optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)\n"
        + "for batch in range(10):\n"
        + "    loss = model(batch).loss\n    loss.backward()\n    optimizer.step()\n"
    )
    assert recipe.facts == {}
