"""The command as far as it goes without torch: what it refuses, in one sentence each."""

from __future__ import annotations

import importlib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from qlint.__main__ import main
from qlint.errors import UsageError

requirements: Any = importlib.import_module("qlint.runtime_probes.requirements")

NEW_ENOUGH = "999.0"


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the probes need is there."""
    monkeypatch.setattr(requirements, "_needed", list)


def sentence(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["probe", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("qlint: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_missing_libraries_are_named_with_the_command_that_helps() -> None:
    def version_of(name: str) -> str:
        if name in ("torch", "peft"):
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "bitsandbytes" else NEW_ENOUGH

    with pytest.raises(UsageError) as caught:
        requirements.require(version_of)
    text = str(caught.value)
    assert "torch (not installed)" in text
    assert "bitsandbytes>=0.43 (0.1 is installed)" in text
    assert "pip install --upgrade 'qlint[probe]'" in text
    assert "accelerate" not in text


def test_builds_with_local_versions_are_enough() -> None:
    requirements.require(lambda name: "999.0+cu130")
    requirements.require(lambda name: "unknown")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.ipynb", "is a notebook"),
        ("recipe.yaml", "no run was found in recipe.yaml"),
        ("run.sh", "no run was found in run.sh"),
        ("none.py", "there is no script none.py"),
        (".", ". is a folder"),
    ],
)
def test_what_cannot_be_run_says_what_can(
    complete: None, folder: Path, capsys: pytest.CaptureFixture[str], name: str, expected: str
) -> None:
    if name not in ("none.py", "."):
        (folder / name).write_text("{}")
    assert expected in sentence(capsys, name)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.py", "b.py"], "one run"),
        (["a.py", "--model", "llama-2-7b"], "without a script"),
        (["a.py", "--steps", "0"], "number of steps"),
        (["a.py", "--only", "speed"], "is none of dequant, activations, lr"),
        (["a.py", "--budget", "soon"], "no time such as"),
        (["a.py", "--output-format", "sarif"], "sarif"),
        (["--save-evidence", "evidence.json"], "--save-evidence needs a script"),
        (["--", "--lr", "1"], "name the script"),
    ],
)
def test_wrong_calls(
    complete: None,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    (folder / "a.py").write_text("")
    (folder / "b.py").write_text("")
    assert expected in sentence(capsys, *arguments)


def test_the_run_of_the_settings_is_measured_where_none_is_named(
    complete: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pyproject.toml").write_text('[tool.qlint]\nprobe-run = "gone.py --lr 1e-4"\n')
    assert "gone.py" in sentence(capsys)
    (folder / "pyproject.toml").write_text('[tool.qlint]\nprobe-run = "\'"\n')
    assert "probe-run is no command line" in sentence(capsys)
