"""Suppression comments within the cells of a notebook, and how its places are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebook_building import MODEL, TRAIN, code, notebook

from qlint.__main__ import main
from qlint.linting.suppression import find_suppressions

LOADED = '"gpt2", quantization_config=BitsAndBytesConfig(load_in_4bit=True)'
ARGS = "x = 1\nargs = TrainingArguments('o', learning_rate=1e-6){comment}\n" + TRAIN


def lint(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
         comment: str) -> str:  # fmt: skip
    monkeypatch.chdir(folder)
    data = notebook(
        "# title", MODEL.replace('"gpt2"', LOADED), code(ARGS.replace("{comment}", comment))
    )
    (folder / "nb.ipynb").write_bytes(data)
    main(["check", "--isolated", "--no-cache", "--output-format", "concise", "nb.ipynb"])
    return capsys.readouterr().out


def test_a_place_names_the_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nb.ipynb: cell 3, line 2, column 45: QL106" in lint(tmp_path, monkeypatch, capsys, "")


def test_a_comment_silences_its_line_of_its_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = lint(tmp_path, monkeypatch, capsys, "  # qlint: ignore[QL106]")
    assert "QL106" not in said
    assert "QL002" not in said


def test_where_comments_stand() -> None:
    data = notebook("a = 1", "x = 2  # qlint: ignore", "s = '# qlint: ignore'")
    (found,) = find_suppressions(data, ".ipynb")
    comment = found.comment
    assert (comment.cell, comment.line, comment.column) == (2, 1, 8)
    assert "qlint" in data.decode().split("\n")[(comment.physical_line or 0) - 1]
    assert find_suppressions(b"# qlint: ignore {", ".ipynb") == []
