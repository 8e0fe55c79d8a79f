"""xtuner's configurations: Python files whose tables are evaluated, never executed."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_words import words
from configuration_texts import values

from qlint.readers import read
from qlint.readers.prefilter import holds_run
from qlint.readers.request import Request
from qlint.recipe import Reading, State

CONFIG = """\
import torch
from mmengine.optim import AmpOptimWrapper, CosineAnnealingLR, LinearLR
from peft import LoraConfig
from torch.optim import AdamW
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from xtuner.dataset import ConcatDataset, process_hf_dataset
from xtuner.engine.runner import TrainLoop
from xtuner.model import SupervisedFinetune

path = 'm/7b'
max_length = 2048
batch_size = 1
accumulative_counts = 16
accumulative_counts *= 1
max_epochs = 4
lr = 2e-4
warmup_ratio = 0.03
model = dict(
    type=SupervisedFinetune,
    llm=dict(
        type=AutoModelForCausalLM.from_pretrained,
        pretrained_model_name_or_path=path,
        quantization_config=dict(
            type=BitsAndBytesConfig,
            load_in_4bit=True,
            bnb_4bit_compute_dtype=torch.float16,
            bnb_4bit_quant_type='nf4')),
    lora=dict(type=LoraConfig, r=64, lora_alpha=16, lora_dropout=0.1, task_type='CAUSAL_LM'))
data = dict(type=process_hf_dataset, max_length=max_length, pack_to_max_length=True)
train_dataloader = dict(batch_size=batch_size, dataset=dict(type=ConcatDataset, datasets=[data]))
optim_wrapper = dict(
    type=AmpOptimWrapper,
    optimizer=dict(type=AdamW, lr=lr, betas=(0.9, 0.999), weight_decay=0),
    clip_grad=dict(max_norm=1),
    accumulative_counts=accumulative_counts,
    dtype='float16')
param_scheduler = [
    dict(type=LinearLR, by_epoch=True, begin=0, end=warmup_ratio * max_epochs),
    dict(type=CosineAnnealingLR, by_epoch=True, begin=warmup_ratio * max_epochs, end=max_epochs)]
train_cfg = dict(type=TrainLoop, max_epochs=max_epochs)
"""
TRAINER = """\
from peft import LoraConfig
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from xtuner.dataset import process_hf_dataset
trainer = Trainer
training_args = dict(type=TrainingArguments, learning_rate=3e-4, fp16=True, optim='adamw_torch')
model = dict(
    type=AutoModelForCausalLM.from_pretrained, pretrained_model_name_or_path='m', load_in_8bit=True)
lora = dict(type=LoraConfig, r=16, lora_alpha=16, target_modules=['up_proj'])
train_dataset = dict(type=process_hf_dataset, max_length=2048)
"""


def reading_of(text: str, line: str = "") -> Reading:
    return read("config.py", text.encode(), Request(words(line), display_path="config.py"))


def test_a_run_of_the_runner() -> None:
    (recipe,) = reading_of(CONFIG).recipes
    assert (recipe.framework, recipe.kind) == ("xtuner", "python")
    wanted = {
        "quant_method": "bitsandbytes", "load_in_4bit": True, "quant_type": "nf4",
        "double_quant": False, "compute_dtype": "float16", "lora_r": 64, "lora_alpha": 16,
        "target_modules": "all-linear", "learning_rate": 2e-4, "optim": "torch.optim.AdamW",
        "lr_scheduler_type": "cosine", "warmup": {"steps": 0, "ratio": 0.03}, "max_grad_norm": 1,
        "per_device_train_batch_size": 1, "gradient_accumulation_steps": 16, "fp16": True,
        "num_train_epochs": 4, "max_seq_length": 2048, "packing": True, "bf16": False,
        "gradient_checkpointing": True, "model_name": "m/7b", "effective_batch_size": 16,
    }  # fmt: skip
    assert values(recipe, *wanted) == wanted
    assert recipe["gradient_checkpointing"].state is State.DEFAULT
    assert recipe["attn_implementation"].state is State.UNKNOWN


def test_a_value_is_shown_where_it_is_decided_and_where_it_is_used() -> None:
    (recipe,) = reading_of(CONFIG).recipes
    assert [station.line for station in recipe["learning_rate"].origin] == [16, 33]


def test_a_run_of_the_trainer() -> None:
    (recipe,) = reading_of(TRAINER).recipes
    wanted = {
        "load_in_8bit": True, "lora_r": 16, "target_modules": ["up_proj"], "learning_rate": 3e-4,
        "optim": "adamw_torch", "max_seq_length": 2048, "trainer": "Trainer", "max_grad_norm": 1.0,
        "gradient_checkpointing": True,
    }  # fmt: skip
    assert values(recipe, *wanted) == wanted


@pytest.mark.parametrize(("change", "to", "field", "value"), [
    ("lora=dict(type=LoraConfig, r=64, lora_alpha=16, lora_dropout=0.1, task_type='CAUSAL_LM')", "",
     "lora_r", None),
    ("type=AmpOptimWrapper", "type=None", "fp16", False),
    ("    llm=dict(", "    use_activation_checkpointing=False,\n    llm=dict(",
     "gradient_checkpointing", False),
    ("load_in_4bit=True", "load_in_8bit=True", "load_in_8bit", True),
    ("max_epochs=max_epochs)\n", "max_iters=500)\n", "max_steps", 500),
])  # fmt: skip
def test_what_is_written_decides(change: str, to: str, field: str, value: object) -> None:
    assert change in CONFIG
    (recipe,) = reading_of(CONFIG.replace(change, to)).recipes
    assert recipe.value(field) == value


def test_options_of_the_configuration_are_overridden() -> None:
    line = "train config.py --deepspeed deepspeed_zero2 --cfg-options model.lora.r=8 lr=1 "
    line += "optim_wrapper.optimizer.lr=1e-5 model.lora.target_modules=[q_proj,v_proj]"
    (recipe,) = reading_of(CONFIG, line).recipes
    wanted = {"lora_r": 8, "learning_rate": 1e-5, "target_modules": ["q_proj", "v_proj"],
              "distributed": "deepspeed"}  # fmt: skip
    assert values(recipe, *wanted) == wanted
    assert recipe.names["deepspeed"].value == "deepspeed_zero2"
    word, replaced = recipe["lora_r"].origin
    assert (word.path, replaced.via) == ("run.sh", "overrides model.lora.r of config.py:28")


def test_a_word_that_is_not_known() -> None:
    line = "train config.py --cfg-options optim_wrapper.optimizer.lr=$LR"
    (recipe,) = reading_of(CONFIG, line).recipes
    assert (recipe["learning_rate"].state, recipe.value("lora_r")) == (State.UNKNOWN, 64)


def test_a_value_that_the_machine_decides_is_unknown() -> None:
    text = CONFIG.replace("lr = 2e-4", "lr = float(open('lr.txt').read())")
    (recipe,) = reading_of(text).recipes
    assert recipe["learning_rate"].state is State.UNKNOWN
    assert recipe["learning_rate"].origin


def test_a_base_is_read_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(CONFIG)
    text = "from mmengine.config import read_base  # xtuner\nwith read_base():\n"
    text += "    from .base import *\nmodel['lora']['r'] = 8\n"
    target = tmp_path / "config.py"
    target.write_text(text)
    (recipe,) = read(str(target), text.encode(), Request(root=str(tmp_path))).recipes
    assert values(recipe, "lora_r", "learning_rate") == {"lora_r": 8, "learning_rate": 2e-4}


def test_the_prefilter_lets_them_pass_and_others_not() -> None:
    assert holds_run(CONFIG.encode(), ".py")
    assert holds_run(TRAINER.encode(), ".py")
    assert not holds_run(b"train_cfg = dict(type='EpochBasedTrainLoop')\nmodel = dict()\n", ".py")


def test_a_script_with_such_a_table_is_read_as_a_script() -> None:
    text = (
        "from trl import SFTTrainer  # not xtuner\ntrain_cfg = dict(\n)\nSFTTrainer('m').train()\n"
    )
    (recipe,) = reading_of(text).recipes
    assert recipe.framework == "trl"


@pytest.mark.parametrize("more", [
    "model['llm']['llm'] = model\n", "model = {" + "'a': [" * 30 + "]" * 30 + "}\n",
    "while True:\n    pass\n", "raise SystemExit\n", "model.update(lora=model)\n",
    "optim_wrapper = [optim_wrapper] * 10**9\n", "import os\nos.system('rm -rf /')\n",
])  # fmt: skip
def test_hostile_code_is_neither_run_nor_a_crash(more: str) -> None:
    reading = reading_of(CONFIG + more)
    assert len(reading.recipes) <= 1
