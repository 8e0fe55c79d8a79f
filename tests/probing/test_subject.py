"""Which program a launcher or a configuration stands for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from qlint.errors import UsageError
from qlint.linting.session import Session
from qlint.probing.subject import Script, subject_of
from qlint.settings.in_force import Settings

SCRIPT = """
import argparse
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-4)
given = parser.parse_args()
model = AutoModelForCausalLM.from_pretrained(
    "meta-llama/Llama-2-7b-hf", quantization_config=BitsAndBytesConfig(load_in_4bit=True)
)
Trainer(model=model, args=TrainingArguments("out", learning_rate=given.lr)).train()
"""
AXOLOTL = """base_model: NousResearch/Llama-2-7b-hf
load_in_4bit: true
adapter: qlora
lora_r: 8
sequence_len: 1024
micro_batch_size: 1
learning_rate: 0.0001
datasets: [{path: some/data, type: alpaca}]
"""
TRL = """model_name_or_path: facebook/opt-350m
load_in_4bit: true
use_peft: true
lora_r: 8
learning_rate: 1.0e-4
output_dir: out
dataset_name: some/data
"""
LITGPT = """checkpoint_dir: checkpoints/meta-llama/Llama-2-7b-hf
quantize: bnb.nf4
lora_r: 8
train: {micro_batch_size: 1, global_batch_size: 8}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def subject(name: str, *arguments: str, probe_run: str | None = None) -> Script:
    settings = Settings()
    settings.probe_run = probe_run
    session = Session(paths=(), settings=settings, script_arguments=arguments)
    found = subject_of(session, (name,) if name else (), None)
    assert isinstance(found, Script)
    return found


def refusal(name: str, *arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        subject(name, *arguments)
    return str(caught.value)


def test_a_script_is_run_as_it_is_named(project: Path) -> None:
    found = subject("train.py", "--lr", "1e-5")
    assert (found.path, found.arguments, found.named) == ("train.py", ("--lr", "1e-5"), "train.py")
    assert found.folder is None


def test_a_launcher_gives_the_script_its_arguments_variables_and_folder(project: Path) -> None:
    (project / "jobs").mkdir()
    launcher = "export DATA=/data\nRATE=3e-4\ncd ..\nSEED=7 python train.py --lr $RATE\n"
    (project / "jobs" / "run.sh").write_text(launcher)
    found = subject("jobs/run.sh")
    assert Path(found.path) == project / "train.py"
    assert found.arguments == ("--lr", "3e-4")
    assert found.folder is not None
    assert os.path.samefile(found.folder, project)
    assert {"DATA": "/data", "SEED": "7"}.items() <= found.environment.items()
    assert found.named == "jobs/run.sh"


def test_the_setting_may_name_a_launcher(project: Path) -> None:
    (project / "run.sh").write_text("python train.py --lr 3e-4\n")
    assert subject("", probe_run="run.sh").arguments == ("--lr", "3e-4")


def test_a_line_chooses_among_several_runs(project: Path) -> None:
    (project / "run.sh").write_text("python train.py --lr 1e-4\npython train.py --lr 2e-4\n")
    assert "holds 2 runs, in lines 1, 2: name one of them, as run.sh:1" in refusal("run.sh")
    assert subject("run.sh:2").arguments == ("--lr", "2e-4")
    assert "no run was found in line 9 of run.sh" in refusal("run.sh:9")


@pytest.mark.parametrize(
    ("launcher", "expected"),
    [
        ("python train.py --lr $1\n", "$1 is not known"),
        ("torchrun --nproc_per_node 4 train.py --lr 2e-4\n", "starts 4 processes"),
        ("litgpt finetune_lora --config litgpt.yaml\n", "which probe cannot"),
        ("axolotl train recipe.yml\n", "axolotl is not installed here"),
        ("cat > new.yml <<E\n" + AXOLOTL + "E\naxolotl train new.yml\n", "is not there"),
    ],
)
def test_a_start_that_cannot_be_repeated_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, launcher: str, expected: str
) -> None:
    monkeypatch.setattr("qlint.probing.programs.find_spec", lambda name: None)
    (project / "recipe.yml").write_text(AXOLOTL)
    (project / "litgpt.yaml").write_text(LITGPT)
    (project / "run.sh").write_text(launcher)
    assert expected in refusal("run.sh")


def test_several_processes_are_measured_with_the_command_that_is_named(project: Path) -> None:
    (project / "run.sh").write_text("torchrun --nproc_per_node 4 train.py --lr 2e-4\n")
    assert f"`qlint probe {project / 'train.py'} -- --lr 2e-4`" in refusal("run.sh")


def test_a_frameworks_command_line_is_its_installed_program(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = installed(monkeypatch, project / "sft.py")
    (project / "sft.yaml").write_text(TRL)
    (project / "run.sh").write_text("trl sft --config sft.yaml --learning_rate 3e-4\n")
    found = subject("run.sh")
    assert asked == ["trl", "trl.scripts.sft"]
    assert Path(found.path) == project / "sft.py"
    assert found.arguments == ("--config", "sft.yaml", "--learning_rate", "3e-4")


def test_a_configuration_is_given_to_the_program_of_its_framework(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = installed(monkeypatch, project / "train.py")
    (project / "recipe.yml").write_text(AXOLOTL)
    found = subject("recipe.yml")
    assert asked == ["axolotl", "axolotl.cli.train"]
    assert found.arguments == ("recipe.yml",)
    assert "are for a script" in refusal("recipe.yml", "--lr", "1e-4")


def test_a_framework_with_a_loop_of_its_own_is_refused(project: Path) -> None:
    (project / "litgpt.yaml").write_text(LITGPT)
    assert "a configuration of litgpt, which probe cannot start" in refusal("litgpt.yaml")


def test_a_configuration_for_any_trainer_asks_for_the_command(project: Path) -> None:
    (project / "sft.yaml").write_text(TRL)
    assert "which of TRL's trainers" in refusal("sft.yaml")


def installed(monkeypatch: pytest.MonkeyPatch, path: Path) -> list[str]:
    """Every module is installed, as the file at ``path``; returns what is asked for."""
    asked: list[str] = []

    class Spec:
        origin = str(path)
        submodule_search_locations: Any = None

    def find(name: str) -> Spec:
        asked.append(name)
        return Spec()

    monkeypatch.setattr("qlint.probing.programs.find_spec", find)
    return asked
