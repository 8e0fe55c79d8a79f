"""The scaffold of a new rule is a rule from the first moment."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from qlint.commands.new_rule import main, scaffold
from qlint.recipe import Field, Recipe, Source, State
from qlint.rulebook.page import SECTIONS, read_page
from qlint.rulebook.registry import read_rule


def test_both_files_form_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = scaffold("QL199", "warmup-too-long", tmp_path)
    assert [path.name for path in paths] == ["warmup_too_long.py", "warmup_too_long.md"]
    rule = read_rule(paths[1])
    page = read_page(paths[1])
    assert (rule.code, rule.name, rule.pitfall) == ("QL199", "warmup-too-long", None)
    assert page.headings == SECTIONS
    assert page.examples
    assert page.remedies
    package = importlib.import_module("qlint.rules")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    fields = {"learning_rate": Field(State.SET, 1e-4)}
    recipe = Recipe("train.py:1", Source("train.py"), "python", "transformers", fields)
    assert list(rule.check(recipe, rule.context())) == []


def test_main_names_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["QL199", "warmup-too-long", "--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "warmup_too_long.py"),
        str(tmp_path / "warmup_too_long.md"),
    ]


@pytest.mark.parametrize(
    ("code", "name", "sentence"),
    [
        ("QL101", "some-new-name", "QL101 is taken by learning-rate-from-lora"),
        ("QL199", "rank-too-large", "The name rank-too-large is taken by QL104."),
        ("Q1", "some-new-name", "A code is QL and three digits"),
        ("QL199", "Some_Name", "A name is words joined by hyphens"),
        ("QL199", "../escape", "A name is words joined by hyphens"),
    ],
)
def test_what_is_taken_or_malformed_is_refused(
    code: str, name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([code, name, "--directory", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "warmup_too_long.py").write_text("mine")
    with pytest.raises(ValueError, match="exists already"):
        scaffold("QL199", "warmup-too-long", tmp_path)
    with pytest.raises(ValueError, match="There is no folder"):
        scaffold("QL199", "warmup-too-long", tmp_path / "nowhere")


def test_a_code_scaffolded_twice_is_refused(tmp_path: Path) -> None:
    scaffold("QL199", "warmup-too-long", tmp_path)
    with pytest.raises(ValueError, match="never reused"):
        scaffold("QL199", "another-name", tmp_path)
