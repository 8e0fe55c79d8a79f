"""A project is linted run by run: what a launcher starts is reported once, with the launcher."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from qlint.__main__ import main

Lint = Callable[..., dict[str, object]]
FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRIPT = """\
import argparse
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments
from peft import LoraConfig, get_peft_model
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
given = parser.parse_args()
four_bit = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4")
model = AutoModelForCausalLM.from_pretrained("huggyllama/llama-7b", quantization_config=four_bit)
model = get_peft_model(model, LoraConfig(r=8))
Trainer(model=model, args=TrainingArguments("out", learning_rate=given.lr)).train()
"""
AXOLOTL = """\
base_model: meta-llama/Llama-2-7b-hf
load_in_4bit: true
adapter: qlora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
micro_batch_size: 2
gradient_accumulation_steps: 4
learning_rate: 0.0002
datasets: [{path: x, type: alpaca}]
"""


class Project:
    """Files in an empty current folder, and what qlint says of them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def check(self, *arguments: str) -> dict[str, object]:
        main(["check", "--output-format", "json", "--isolated", *arguments])
        report: dict[str, object] = json.loads(self._capsys.readouterr().out)
        return report

    def runs(self, *paths: str) -> list[tuple[str, float]]:
        """The id and the learning rate of every run."""
        recipes = self.check(*(paths or (".",)))["recipes"]
        assert isinstance(recipes, list)
        return [(one["id"], one["fields"]["learning_rate"]["value"]) for one in recipes]

    def findings(self, *paths: str) -> list[tuple[str, str, int]]:
        """Code and place of every finding."""
        found = self.check(*(paths or (".",)))["findings"]
        assert isinstance(found, list)
        return [(one["code"], one["path"], one["line"]) for one in found]


@pytest.fixture
def project(folder: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    return Project(folder, capsys)


RUN = "set -e\npython train.py --lr 2e-4\n"


def test_a_script_and_its_launcher_are_one_run(project: Project) -> None:
    project.write({"train.py": SCRIPT, "run.sh": RUN})
    assert project.runs() == [("run.sh:2", 2e-4)]


def test_named_files_are_a_project_too(project: Project) -> None:
    project.write({"train.py": SCRIPT, "run.sh": RUN})
    assert project.runs("train.py", "run.sh") == [("run.sh:2", 2e-4)]
    assert project.runs("train.py") == [("train.py:10", 1e-3)]
    assert project.runs("run.sh") == [("run.sh:2", 2e-4)]


def test_paths_are_shown_as_they_were_named(project: Project) -> None:
    project.write({"deep/train.py": SCRIPT, "deep/run.sh": RUN})
    whole = str(project.folder / "deep")
    assert ("QL202", "deep/train.py", 7) in project.findings("deep")
    assert ("QL202", f"{whole}/train.py", 7) in project.findings(whole)
    assert project.runs(whole) == [(f"{whole}/run.sh:2", 2e-4)]


def test_what_no_launcher_starts_stands_alone(project: Project) -> None:
    project.write({"train.py": SCRIPT, "other.py": SCRIPT, "axolotl.yml": AXOLOTL, "run.sh": RUN})
    assert project.runs() == [("axolotl.yml:1", 2e-4), ("other.py:10", 1e-3), ("run.sh:2", 2e-4)]


def test_a_configuration_that_is_started(project: Project) -> None:
    project.write({"config.yml": AXOLOTL, "run.sh": "axolotl train config.yml\n"})
    assert project.runs() == [("run.sh:1", 2e-4)]


def test_a_configuration_that_a_script_reads(project: Project) -> None:
    script = SCRIPT.replace("given.lr", 'json.load(open("run.json"))["learning_rate"]')
    arguments = {"output_dir": "o", "learning_rate": 3e-4, "num_train_epochs": 1, "save_steps": 5}
    project.write({"train.py": "import json\n" + script, "run.json": json.dumps(arguments)})
    assert project.runs() == [("train.py:11", 3e-4)]


def test_a_launcher_that_only_evaluates_leaves_the_script(project: Project) -> None:
    project.write({"train.py": SCRIPT, "run.sh": "python evaluate.py\necho train\n"})
    assert project.runs() == [("train.py:10", 1e-3)]


def test_one_finding_for_two_launchers(project: Project) -> None:
    project.write({"train.py": SCRIPT, "a.sh": RUN, "b.sh": RUN})
    assert project.runs() == [("a.sh:2", 2e-4), ("b.sh:2", 2e-4)]
    assert project.findings().count(("QL202", "train.py", 7)) == 1
    assert {path for code, path, _ in project.findings() if code == "QL101"} == {"a.sh", "b.sh"}


def test_a_launcher_of_launchers(project: Project) -> None:
    project.write({"train.py": SCRIPT, "run.sh": RUN, "all.sh": "bash run.sh\n"})
    assert project.runs() == [("all.sh:1", 2e-4)]


def test_launchers_that_start_each_other(project: Project) -> None:
    project.write({"train.py": SCRIPT, "a.sh": RUN + "bash b.sh\n", "b.sh": RUN + "bash a.sh\n"})
    assert [name for name, _ in project.runs()] == ["a.sh:2", "a.sh:3"]


def test_a_loop_makes_several_runs(project: Project) -> None:
    loop = "for lr in 1e-4 2e-4; do\n  for _ in 1 2 3; do python train.py --lr $lr; done\ndone\n"
    project.write({"train.py": SCRIPT, "run.sh": loop})
    assert project.runs() == [("run.sh:2", 1e-4), ("run.sh:2#2", 2e-4)]


def test_a_notebook_that_starts_a_script(project: Project) -> None:
    cell = {"cell_type": "code", "source": "!python train.py --lr 2e-4", "metadata": {}}
    notebook = {"cells": [cell], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    project.write({"train.py": SCRIPT, "run.ipynb": json.dumps(notebook)})
    assert project.runs() == [("run.ipynb:cell 1:1", 2e-4)]


def test_a_script_that_starts_a_script(project: Project) -> None:
    starter = "import subprocess\nsubprocess.run(['torchrun', 'train.py', '--lr', '2e-4'])\n"
    project.write({"train.py": SCRIPT, "start.py": starter})
    assert project.runs() == [("start.py:2", 2e-4)]


def test_a_file_without_a_suffix(project: Project) -> None:
    project.write({"train.py": SCRIPT, "start": "#!/usr/bin/env bash\n" + RUN, "LICENSE": "MIT"})
    assert project.runs() == [("start:3", 2e-4)]


def test_companions_alone_are_no_run_and_no_error(project: Project) -> None:
    project.write({"ds.json": json.dumps({"zero_optimization": {"stage": 2}})})
    report = project.check(".")
    assert (report["recipes"], report["skipped"], report["findings"]) == ([], [], [])


@pytest.mark.parametrize(
    "files",
    [
        {"train.py": SCRIPT, "run.sh": "python train.py --lr 2e-4  # qlint: ignore[QL101]\n"},
        {"train.py": SCRIPT,
         "run.sh": "python train.py \\\n  --lr 2e-4 \\\n  --x # qlint: ignore[QL101]\n"},
        {"train.py": SCRIPT, "run.sh": "# qlint: ignore-file[QL101]\n" + RUN},
    ],
)  # fmt: skip
def test_a_suppression_in_a_launcher(project: Project, files: Mapping[str, str]) -> None:
    project.write(files)
    codes = [code for code, _, _ in project.findings()]
    assert "QL202" in codes
    assert "QL101" not in codes
    assert "QL002" not in codes


def test_a_suppression_in_the_script_that_is_started(project: Project) -> None:
    lines = SCRIPT.splitlines()
    lines[6] += "  # qlint: ignore[QL202]"
    lines[9] += "  # qlint: ignore[QL102]"
    project.write({"train.py": "\n".join(lines) + "\n", "run.sh": RUN})
    codes = [code for code, _, _ in project.findings()]
    assert "QL101" in codes
    assert not {"QL202", "QL102", "QL002"} & set(codes)


def test_the_order_is_always_the_same(project: Project) -> None:
    project.write({"train.py": SCRIPT, **{f"run{number}.sh": RUN for number in range(25)}})
    assert project.check(".", "--jobs", "1") == project.check(".", "--jobs", "2")


def test_the_launchers_of_the_fixtures(project: Project) -> None:
    good = {code for code, _, _ in project.findings(str(FIXTURES / "good"))}
    assert not good
    bad = project.findings(str(FIXTURES / "pitfalls"))
    assert {code for code, _, _ in bad} >= {"QL101", "QL102", "QL103", "QL104", "QL105"}


def test_a_module_between_the_launcher_and_its_training_is_no_run(project: Project) -> None:
    project.write(
        {
            "app/__init__.py": "",
            "app/__main__.py": "from app.main import main\nmain()\n",
            "app/main.py": (
                "import argparse\nfrom app.trainer import train\n"
                "def main():\n    parser = argparse.ArgumentParser()\n"
                '    parser.add_argument("--lr", type=float, default=1e-3)\n'
                "    train(parser.parse_args().lr)\n"
                'if __name__ == "__main__":\n    main()\n'
            ),
            "app/trainer.py": (
                "from transformers import AutoModelForCausalLM, Trainer, TrainingArguments\n"
                "from peft import LoraConfig, get_peft_model\n"
                "def train(lr):\n"
                '    model = AutoModelForCausalLM.from_pretrained("gpt2")\n'
                "    model = get_peft_model(model, LoraConfig(r=8))\n"
                '    args = TrainingArguments("out", learning_rate=lr)\n'
                "    Trainer(model=model, args=args).train()\n"
            ),
            "run.sh": "python -m app --lr 2e-4\n",
        }
    )
    assert project.runs(".") == [("run.sh:1", 2e-4)]


def test_a_command_that_leads_past_the_training_is_no_run(project: Project) -> None:
    script = SCRIPT.replace("Trainer(", "def train():\n    Trainer(").replace(
        "given =", 'parser.add_argument("--evaluate", action="store_true")\ngiven ='
    )
    main = "def main():\n    if given.evaluate:\n        return\n    train()\nmain()\n"
    project.write({"train.py": script + main, "run.sh": "python train.py --evaluate\n"})
    assert project.runs("run.sh") == []
    project.write({"run.sh": "python train.py --lr 2e-4\n"})
    assert project.runs("run.sh") == [("run.sh:1", 2e-4)]


def test_a_configuration_that_only_evaluates_is_no_run(project: Project) -> None:
    text = (
        "model_name_or_path: x\nstage: sft\ndo_train: 0\ndo_eval: 1\nfinetuning_type: lora\n"
        "lora_target: all\ntemplate: llama3\ndataset: d\nlearning_rate: 0.0001\n"
        "per_device_train_batch_size: 1\n"
    )
    project.write({"eval.yaml": text, "run.sh": "llamafactory-cli train eval.yaml\n"})
    assert project.runs(".") == []
    project.write({"eval.yaml": text.replace("do_train: 0", "do_train: 1")})
    assert project.runs(".") == [("run.sh:1", 1e-4)]
