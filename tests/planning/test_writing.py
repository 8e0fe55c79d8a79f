"""Runs that qlint writes: complete, without a finding, and read back as what was planned."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from qlint.__main__ import main
from qlint.errors import UsageError
from qlint.planning.writing import render, write
from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Json, Recipe

RECIPE: dict[str, Json] = {
    "model_name": "meta-llama/Llama-2-7b-hf",
    "quant_type": "nf4",
    "double_quant": True,
    "compute_dtype": "bfloat16",
    "bf16": True,
    "fp16": False,
    "lora_r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.05,
    "target_modules": ["q_proj", "k_proj", "v_proj"],
    "max_seq_length": 1024,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 16,
    "gradient_checkpointing": True,
    "optim": "adamw_8bit",
    "learning_rate": 1e-4,
    "num_train_epochs": 1,
    "max_grad_norm": 0.3,
}
SUMMARY = "Fits a card of 24 GB with 18 GB to spare."
NAMES = ["train.py", "run.ipynb", "axolotl.yaml", "my-llamafactory.yml", "torchtune.yaml"]


def written(name: str, folder: Path, recipe: dict[str, Json] = RECIPE) -> Recipe:
    path = folder / name
    path.write_text(render(recipe, name, SUMMARY))
    (found,) = read(str(path), path.read_bytes(), Request(root=str(folder))).recipes
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back_as_planned(name: str, tmp_path: Path) -> None:
    found = written(name, tmp_path)
    same = set(RECIPE) - {"optim", "num_train_epochs", "bf16", "fp16", "target_modules"}
    if name == "torchtune.yaml":
        same -= {"model_name", "quant_type", "double_quant", "compute_dtype"}
    assert {field: found.value(field) for field in same} == {field: RECIPE[field] for field in same}
    assert "8bit" in str(found.value("optim"))
    assert found.value("num_train_epochs") == 1
    assert len(found.value("target_modules")) == 3


@pytest.mark.parametrize("name", NAMES)
def test_qlint_passes_what_it_writes(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(name, tmp_path)
    status = main(["check", str(tmp_path), "--isolated", "--fail-on", "info"])
    assert status == 0, capsys.readouterr().out


def test_the_script_and_the_notebook_are_python() -> None:
    ast.parse(render(RECIPE, "train.py", SUMMARY))
    cells = json.loads(render(RECIPE, "a.ipynb", SUMMARY))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    ast.parse("\n".join(part for part in code if not part.startswith("%")))


def plan(*argv: str) -> int:
    return main(["plan", "--isolated", "--model", "llama-2-7b", "--gpu", "24GB", *argv])


@pytest.mark.parametrize("name", NAMES)
def test_what_was_asked_for_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"learning_rate": "5e-5", "lora_r": "16", "lora_alpha": "32", "max_seq_length": "512"}
    assert plan("--write", name, *(f"--set={field}={text}" for field, text in asked.items())) == 0
    (found,) = read(name, Path(name).read_bytes(), Request(root=".")).recipes
    assert {field: found.value(field) for field in asked} == {
        field: float(text) for field, text in asked.items()
    }


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("use_dora=true", "has no place for use_dora"),
        ("packing=true", "has no place for packing"),
        ("quant_method=none", "is a QLoRA run, in 4 bits"),
        ("load_in_4bit=false", "is a QLoRA run, in 4 bits"),
    ],
)
def test_what_a_written_run_cannot_have_is_refused(
    setting: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan("--write", "train.py", "--set", setting) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_name_without_a_form_is_refused() -> None:
    with pytest.raises(UsageError, match=r"axolotl\.yaml, llamafactory\.yaml, torchtune\.yaml"):
        render(RECIPE, "config.yaml", SUMMARY)


def test_torchtune_names_the_models_it_has() -> None:
    with pytest.raises(UsageError, match="no QLoRA builder for Qwen/Qwen3-8B"):
        render({**RECIPE, "model_name": "Qwen/Qwen3-8B"}, "torchtune.yaml", SUMMARY)


def test_an_existing_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write(RECIPE, "notebook", SUMMARY) == "qlora.ipynb"
    Path("train.py").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        write(RECIPE, "train.py", SUMMARY)
    assert Path("train.py").read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["qlora.ipynb", "train.py"]
