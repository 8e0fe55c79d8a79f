"""Adapters: how they are configured, and the many ways they get on the model."""

from __future__ import annotations

import pytest
from script_reading import assert_default, assert_set, read_recipe, read_script

from qlint.recipe import Recipe, State

HEAD = """
import re
import torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from peft import (
    AdaLoraConfig, IA3Config, LoHaConfig, LoftQConfig, LoraConfig, LoraModel, OFTConfig, PeftModel,
    PeftModelForCausalLM, PromptTuningConfig, TaskType, VeraConfig, get_peft_config, get_peft_model,
    inject_adapter_in_model,
)

model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-2-7b-hf")
"""
TAIL = """
Trainer(model=model, args=TrainingArguments("out")).train()
"""
ADAPTER_FIELDS = (
    "lora_r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "target_modules",
    "modules_to_save",
)  # fmt: skip


def run(middle: str) -> Recipe:
    return read_recipe(HEAD + middle + TAIL)


def test_no_adapter() -> None:
    recipe = run("")
    for name in ADAPTER_FIELDS:
        assert recipe[name].state is State.ABSENT, name


def test_the_defaults_of_a_configuration() -> None:
    recipe = run("model = get_peft_model(model, LoraConfig(target_modules=['q_proj']))")
    assert_default(recipe, lora_r=8, lora_alpha=8, lora_dropout=0.0, use_dora=False)
    assert_default(recipe, use_rslora=False, modules_to_save=None)


def test_what_is_written() -> None:
    recipe = run(
        "config = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, use_rslora=True,\n"
        "    use_dora=True, target_modules=['q_proj', 'v_proj', 'q_proj'],\n"
        "    modules_to_save=['lm_head'], task_type=TaskType.CAUSAL_LM)\n"
        "model = get_peft_model(model, config)"
    )
    assert_set(recipe, lora_r=16, lora_alpha=32, lora_dropout=0.05, use_rslora=True, use_dora=True)
    assert_set(recipe, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"])


def test_alpha_computed_from_the_rank() -> None:
    recipe = run("r = 16\nmodel = get_peft_model(model, LoraConfig(r=r, lora_alpha=r * 2))")
    assert_set(recipe, lora_alpha=32)


@pytest.mark.parametrize(
    "put_on",
    [
        "model = get_peft_model(model, config)",
        "get_peft_model(model=model, peft_config=config)",
        "model = PeftModel(model, config)",
        "model = PeftModelForCausalLM(model, config)",
        "model.add_adapter(config)",
        "model.add_adapter('default', config)",
        "model = inject_adapter_in_model(config, model)",
        "model = LoraModel(model, config, 'default')",
    ],
)
def test_ways_to_put_it_on(put_on: str) -> None:
    recipe = run(f"config = LoraConfig(r=4, target_modules=['q_proj'])\n{put_on}")
    assert_set(recipe, lora_r=4, target_modules=["q_proj"])


def test_get_peft_config_of_a_dict() -> None:
    recipe = run(
        "config = get_peft_config({'peft_type': 'LORA', 'r': 4, 'target_modules': ['q_proj']})\n"
        "model = get_peft_model(model, config)"
    )
    assert_set(recipe, lora_r=4, target_modules=["q_proj"])


def test_a_saved_adapter_that_trains_on() -> None:
    recipe = run("model = PeftModel.from_pretrained(model, 'saved', is_trainable=True)")
    assert recipe["lora_r"].state is State.UNKNOWN
    assert "saved with the adapter" in (recipe["lora_r"].reason or "")


def test_a_saved_adapter_that_does_not_train() -> None:
    recipe = run("model = PeftModel.from_pretrained(model, 'saved')")
    assert recipe["lora_r"].state is State.ABSENT


def test_regular_expressions_and_all_linear() -> None:
    text = r"config = LoraConfig(target_modules=r'.*\.(q|v)_proj')"
    assert_set(run(text + "\nmodel = get_peft_model(model, config)"),
               target_modules=r".*\.(q|v)_proj")  # fmt: skip
    text = "config = LoraConfig(target_modules='all-linear')"
    assert_set(run(text + "\nmodel = get_peft_model(model, config)"), target_modules="all-linear")


COLLECTORS = {
    "the function of qlora.py": """
def find_all_linear_names(model):
    cls = torch.nn.Linear
    lora_module_names = set()
    for name, module in model.named_modules():
        if isinstance(module, cls):
            names = name.split('.')
            lora_module_names.add(names[0] if len(names) == 1 else names[-1])
    if 'lm_head' in lora_module_names:
        lora_module_names.remove('lm_head')
    return list(lora_module_names)

targets = find_all_linear_names(model)
""",
    "bitsandbytes layers": """
import bitsandbytes as bnb

def find_linear_layers(model):
    names = set()
    for name, module in model.named_modules():
        if isinstance(module, bnb.nn.Linear4bit):
            names.add(name.split('.')[-1])
    names.discard('lm_head')
    return sorted(names)

targets = find_linear_layers(model)
""",
    "an inline loop": """
targets = []
for name, module in model.named_modules():
    if 'Linear' in str(type(module)):
        targets.append(name.split('.')[-1])
targets = list(set(targets))
""",
    "a comprehension": """
targets = list({n.split('.')[-1] for n, m in model.named_modules()
                if isinstance(m, torch.nn.Linear) and 'lm_head' not in n})
""",
    "a regular expression over the model's text": """
pattern = r'\\((\\w+)\\): Linear'
targets = list(set(re.findall(pattern, str(model.modules))))
""",
}


@pytest.mark.parametrize("collector", COLLECTORS.values(), ids=COLLECTORS)
def test_names_of_all_linear_modules_are_collected(collector: str) -> None:
    recipe = run(
        collector + "model = get_peft_model(model, LoraConfig(r=8, target_modules=targets))"
    )
    assert_set(recipe, target_modules="all-linear")


SUBSETS = {
    "attention only": """
targets = [n for n, m in model.named_modules()
           if isinstance(m, torch.nn.Linear) and 'attn' in n]
""",
    "by an ending": """
targets = []
for name, module in model.named_modules():
    if name.endswith(('q_proj', 'v_proj')):
        targets.append(name)
""",
    "by a regular expression": """
targets = [n for n, _ in model.named_modules() if re.search(r'(q|v)_proj$', n)]
""",
}


@pytest.mark.parametrize("collector", SUBSETS.values(), ids=SUBSETS)
def test_names_of_some_modules_are_not_all_linear(collector: str) -> None:
    recipe = run(
        collector + "model = get_peft_model(model, LoraConfig(r=8, target_modules=targets))"
    )
    assert recipe["target_modules"].state is State.UNKNOWN
    assert recipe["target_modules"].reason


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("meta-llama/Llama-2-7b-hf", ["q_proj", "v_proj"]),
        ("Qwen/Qwen2.5-7B-Instruct", ["q_proj", "v_proj"]),
        ("EleutherAI/pythia-1.4b", ["query_key_value"]),
        ("tiiuae/falcon-7b", ["query_key_value"]),
        ("gpt2", ["c_attn"]),
    ],
)
def test_default_targets_by_the_model_s_family(name: str, targets: list[str]) -> None:
    recipe = read_recipe(
        HEAD.replace("meta-llama/Llama-2-7b-hf", name)
        + "model = get_peft_model(model, LoraConfig(r=8))"
        + TAIL
    )
    assert_default(recipe, target_modules=targets)


def test_default_targets_of_an_unknown_family() -> None:
    recipe = read_recipe(
        HEAD.replace("meta-llama/Llama-2-7b-hf", "./checkpoint")
        + "model = get_peft_model(model, LoraConfig(r=8))"
        + TAIL
    )
    assert recipe["target_modules"].state in (State.DEFAULT, State.UNKNOWN)
    assert recipe["target_modules"].value is None


def test_other_low_rank_methods() -> None:
    recipe = run("model = get_peft_model(model, LoHaConfig(r=4, alpha=8, target_modules=['q']))")
    assert_set(recipe, lora_r=4, lora_alpha=8, target_modules=["q"])
    recipe = run("model = get_peft_model(model, AdaLoraConfig(init_r=12, target_r=4))")
    assert_set(recipe, lora_r=12)
    recipe = run("model = get_peft_model(model, VeraConfig(r=128, target_modules=['q']))")
    assert_set(recipe, lora_r=128)
    recipe = run("model = get_peft_model(model, OFTConfig(r=8, target_modules=['q']))")
    assert recipe["lora_alpha"].state is State.ABSENT


def test_methods_without_a_rank() -> None:
    recipe = run("model = get_peft_model(model, IA3Config(target_modules=['k_proj']))")
    assert recipe["lora_r"].state is State.ABSENT
    assert_set(recipe, target_modules=["k_proj"])
    recipe = run(
        "model = get_peft_model(model, PromptTuningConfig(task_type='CAUSAL_LM',\n"
        "    num_virtual_tokens=8))"
    )
    for name in ADAPTER_FIELDS:
        assert recipe[name].state is State.ABSENT, name


def test_loftq() -> None:
    recipe = run(
        "config = LoraConfig(r=8, target_modules=['q_proj'], init_lora_weights='loftq',\n"
        "    loftq_config=LoftQConfig(loftq_bits=4))\nmodel = get_peft_model(model, config)"
    )
    assert_set(recipe, lora_r=8)
    assert_default(recipe, load_in_4bit=False)


def test_an_adapter_under_a_condition_of_the_run_time() -> None:
    recipe = run(
        "if torch.cuda.is_available():\n"
        "    model = get_peft_model(model, LoraConfig(r=8, target_modules=['q_proj']))"
    )
    assert recipe["lora_r"].state is State.UNKNOWN


def test_a_configuration_that_is_never_put_on_is_reported() -> None:
    reading = read_script(HEAD + "config = LoraConfig(r=8)" + TAIL)
    assert [dead.what for dead in reading.dead] == ["LoraConfig"]
    assert reading.recipes[0]["lora_r"].state is State.ABSENT


@pytest.mark.parametrize(
    "use",
    [
        "from elsewhere import fit\nfit(model, config)",
        "def unused():\n    return LoraConfig(r=2)\nmodel = get_peft_model(model, config)",
        "if False:\n    other = LoraConfig(r=2)\nmodel = get_peft_model(model, config)",
    ],
)
def test_what_may_be_used_is_not_reported(use: str) -> None:
    assert not read_script(HEAD + "config = LoraConfig(r=8)\n" + use + TAIL).dead


def test_nothing_is_reported_without_a_run() -> None:
    assert not read_script(HEAD + "config = LoraConfig(r=8)\n").dead


def test_a_merged_adapter_is_gone() -> None:
    recipe = run(
        "model = get_peft_model(model, LoraConfig(r=8))\nmodel = model.merge_and_unload()\n"
    )
    assert recipe["lora_r"].state is State.ABSENT


def test_default_target_modules_by_the_table_of_peft() -> None:
    table = "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING"
    start = f"from peft.utils import {table}\n"
    end = "model = get_peft_model(model, LoraConfig(r=8, target_modules=modules))\n"
    known = run(f"{start}modules = {table}['chatglm']\n{end}")
    assert known.value("target_modules") == ["query_key_value"]
    for entry in ("['no-such-model']", "[model.config.model_type]"):
        assert run(f"{start}modules = {table}{entry}\n{end}")["target_modules"].state is (
            State.UNKNOWN
        )


@pytest.mark.parametrize("trained", ["wrapped", "wrapped.model"])
def test_an_adapter_on_a_module_that_holds_a_part_of_the_model(trained: str) -> None:
    recipe = read_recipe(
        HEAD
        + "class Classifier(torch.nn.Module):\n"
        + "    def __init__(self, model):\n        self.model = model.model\n"
        + "wrapped = get_peft_model(Classifier(model), LoraConfig(r=4))\n"
        + TAIL.replace("model=model", f"model={trained}")
    )
    assert recipe.value("lora_r") == 4
