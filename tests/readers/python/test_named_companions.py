"""The configurations that a run names beside its own: DeepSpeed's and FSDP's."""

from __future__ import annotations

import pytest
from command_reading import LAUNCHER, started
from script_reading import read_recipe, training_script

from qlint.recipe import Json, State

ZERO = {"zero_optimization": {"stage": 2}}
NAMED: dict[str, tuple[str, str, Json]] = {
    "a path": ('deepspeed="ds.json"', "deepspeed", "ds.json"),
    "a table": (f"deepspeed={ZERO}", "deepspeed", ZERO),
    "fsdp": ('fsdp="full_shard auto_wrap"', "fsdp", {"fsdp": "full_shard auto_wrap"}),
    "fsdp_config": ('fsdp="full_shard", fsdp_config="f.json"', "fsdp", "f.json"),
    "a table of fsdp": (
        'fsdp="full_shard", fsdp_config={"min_num_params": 10}', "fsdp", {"min_num_params": 10},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_what_the_arguments_name(case: str) -> None:
    arguments, name, value = NAMED[case]
    names = read_recipe(training_script("", arguments)).names
    assert {key: field.value for key, field in names.items()} == {name: value}
    assert names[name].origin[0].path == "train.py"


@pytest.mark.parametrize("arguments", ["", "deepspeed=None", 'fsdp=""'])
def test_nothing_is_named(arguments: str) -> None:
    assert read_recipe(training_script("", arguments)).names == {}


def test_a_name_given_on_the_command_line() -> None:
    script = training_script(
        "(arguments,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()"
    ).replace('args=TrainingArguments("out", )', "args=arguments")
    named = started(script, "--output_dir o --deepspeed ds.json").names["deepspeed"]
    assert (named.value, named.origin[0].path) == ("ds.json", LAUNCHER)
    lost = started(script, "--output_dir o --deepspeed $CONFIG").names["deepspeed"]
    assert lost.state is State.UNKNOWN
    assert "CONFIG is not set" in str(lost.reason)


LOOP = """
import deepspeed, torch
from accelerate import Accelerator, DeepSpeedPlugin, FullyShardedDataParallelPlugin
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

model = get_peft_model(AutoModelForCausalLM.from_pretrained("m"), LoraConfig(r=8))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
{setup}
for batch in torch.utils.data.DataLoader([], batch_size=4):
    model(**batch).loss.backward()
    {step}
"""
PREPARE = "\nmodel, optimizer = accelerator.prepare(model, optimizer)"
LOOPS: dict[str, tuple[str, str, str, Json]] = {
    "a plugin's file": (
        'accelerator = Accelerator(deepspeed_plugin=DeepSpeedPlugin(hf_ds_config="ds.json"))'
        + PREPARE, "optimizer.step()", "deepspeed", "ds.json",
    ),
    "a plugin's settings": (
        "accelerator = Accelerator(deepspeed_plugin=DeepSpeedPlugin(zero_stage=2, "
        'offload_optimizer_device="cpu"))' + PREPARE, "optimizer.step()", "deepspeed",
        {"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}},
    ),
    "a plugin of fsdp": (
        "accelerator = Accelerator(fsdp_plugin=FullyShardedDataParallelPlugin("
        "cpu_offload=True))" + PREPARE, "optimizer.step()", "fsdp", {"cpu_offload": True},
    ),
    "deepspeed.initialize": (
        f"engine, optimizer, _, _ = deepspeed.initialize(model=model, optimizer=optimizer, "
        f"config={ZERO})", "engine.step()", "deepspeed", ZERO,
    ),
    "a path to deepspeed.initialize": (
        "engine, optimizer, _, _ = deepspeed.initialize(model=model, optimizer=optimizer, "
        'config="ds.json")', "engine.step()", "deepspeed", "ds.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOPS)
def test_what_a_loop_names(case: str) -> None:
    setup, step, name, value = LOOPS[case]
    recipe = read_recipe(LOOP.replace("{setup}", setup).replace("{step}", step))
    assert recipe.names[name].value == value


def test_a_name_that_is_not_known_does_not_decide_that_there_is_one() -> None:
    script = "import yaml\nnamed = yaml.safe_load(open('missing.yaml'))['deepspeed']\n"
    recipe = read_recipe(training_script(script, "deepspeed=named"))
    assert recipe["distributed"].state is State.UNKNOWN
