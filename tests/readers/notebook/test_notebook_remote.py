"""Runs that a notebook starts on another machine, and those that it writes a file for."""

from __future__ import annotations

from pathlib import Path

from notebook_building import only_field, read_cells

from qlint.recipe import State

SCRIPT = """\
from dataclasses import dataclass, field
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, HfArgumentParser
from transformers import Trainer, TrainingArguments

@dataclass
class Arguments:
    model_id: str = field(default=None)
    use_qlora: bool = field(default=False)

given, arguments = HfArgumentParser((Arguments, TrainingArguments)).parse_args_into_dataclasses()
quantised = BitsAndBytesConfig(load_in_4bit=True) if given.use_qlora else None
model = AutoModelForCausalLM.from_pretrained(given.model_id, quantization_config=quantised)
Trainer(model=model, args=arguments).train()
"""
HYPERPARAMETERS = """\
hyperparameters = {
    'model_id': "codellama/CodeLlama-7b-hf",
    'use_qlora': True,
    'learning_rate': 2e-4,
    'output_dir': '/tmp/run',
}
"""
ESTIMATOR = """\
from sagemaker.huggingface import HuggingFace
job = HuggingFace(entry_point='train.py', source_dir='./scripts', instance_type='ml.g5.2xlarge',
                  hyperparameters=hyperparameters{more})
job.fit({{'training': 's3://bucket'}}, wait=True)
"""
MODEL_TRAINER = """\
from sagemaker.modules.configs import SourceCode
from sagemaker.modules.distributed import Torchrun
from sagemaker.modules.train import ModelTrainer
source = SourceCode(source_dir="./scripts", entry_script="train.py")
trainer = ModelTrainer(source_code=source, distributed=Torchrun(), hyperparameters=hyperparameters)
trainer.train(input_data_config=[], wait=False)
"""


def project(folder: Path) -> None:
    (folder / "scripts").mkdir()
    (folder / "scripts" / "train.py").write_text(SCRIPT)


def test_hyperparameters_are_the_arguments_of_the_script(tmp_path: Path) -> None:
    project(tmp_path)
    reading = read_cells(tmp_path, HYPERPARAMETERS, ESTIMATOR.format(more=""))
    field = only_field(reading, "learning_rate")
    assert field.value == 2e-4
    assert (field.origin[0].cell, field.origin[0].line) == (1, 4)
    recipe = reading.recipes[0]
    assert (recipe.source.cell, recipe.source.line) == (2, 4)
    assert recipe.value("load_in_4bit") is True
    assert recipe.value("model_name") == "codellama/CodeLlama-7b-hf"
    assert recipe.value("world_size") == 1


def test_several_cards_are_not_counted(tmp_path: Path) -> None:
    project(tmp_path)
    spread = ",\n    distribution={'torch_distributed': {'enabled': True}}"
    for cell in (ESTIMATOR.format(more=spread), MODEL_TRAINER):
        reading = read_cells(tmp_path, HYPERPARAMETERS, cell)
        assert only_field(reading, "learning_rate").value == 2e-4
        assert only_field(reading, "world_size").state is State.UNKNOWN


def test_a_configuration_that_is_uploaded_is_the_one_that_the_notebook_writes(
    tmp_path: Path,
) -> None:
    project(tmp_path)
    (tmp_path / "scripts" / "train.py").write_text(
        "from transformers import AutoModelForCausalLM, Trainer, TrainingArguments\n"
        "from trl import TrlParser\n"
        "arguments, = TrlParser((TrainingArguments,)).parse_args_and_config()\n"
        'model = AutoModelForCausalLM.from_pretrained("gpt2")\n'
        "Trainer(model=model, args=arguments).train()\n"
    )
    written = "%%writefile run.yaml\noutput_dir: o\nlearning_rate: 0.0003\n"
    given = "hyperparameters = {'config': '/opt/ml/input/data/config/run.yaml'}"
    reading = read_cells(tmp_path, written, given, ESTIMATOR.format(more=""))
    field = only_field(reading, "learning_rate")
    assert field.value == 3e-4
    assert (field.origin[0].cell, field.origin[0].line) == (1, 3)


def test_a_script_that_is_not_there_gives_its_hyperparameters_only(tmp_path: Path) -> None:
    reading = read_cells(tmp_path, HYPERPARAMETERS, ESTIMATOR.format(more=""))
    for recipe in reading.recipes:
        assert recipe.value("learning_rate") in (2e-4, None)
        assert recipe["load_in_4bit"].state is State.UNKNOWN


def test_inference_on_sagemaker_is_no_run(tmp_path: Path) -> None:
    cell = (
        "from sagemaker.huggingface import HuggingFaceModel\n"
        "model = HuggingFaceModel(entry_point='inference.py', model_data='s3://b/m')\n"
        "hyperparameters = {}\nmodel.deploy(initial_instance_count=1)\n"
    )
    assert read_cells(tmp_path, cell).recipes == ()


def test_a_dict_that_is_dumped_is_the_configuration_of_the_command(tmp_path: Path) -> None:
    cell = (
        "import json\n"
        "args = dict(\n"
        '    model_name_or_path="Qwen/Qwen3-4B", stage="sft", do_train=True, dataset="d",\n'
        '    template="qwen3", finetuning_type="lora",\n'
        "    learning_rate=5e-5,\n"
        ")\n"
        'json.dump(args, open("train.json", "w"))\n'
        "%cd /content/LLaMA-Factory/\n"
        "%cd /content/LLaMA-Factory/\n"
        'json.dump(args, open("train.json", "w"))\n'
        "!llamafactory-cli train train.json"
    )
    field = only_field(read_cells(tmp_path, "%cd /content/", cell), "learning_rate")
    assert field.value == 5e-5
    said = field.origin[0]
    assert (said.path, said.cell, said.line, said.column) == ("nb.ipynb", 2, 5, 19)
