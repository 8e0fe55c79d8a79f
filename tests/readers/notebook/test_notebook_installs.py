"""The versions that the cells of a notebook install."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notebook_building import MODEL, TRAIN, notebook, read_cells

from qlint.knowledge import libraries
from qlint.readers import read
from qlint.readers.request import Request
from qlint.readers.version_files.dockerfile import dockerfile
from qlint.readers.version_files.installing import installed
from qlint.readers.versions import Pin

ARGUMENTS = 'args = TrainingArguments("out")\n'


def versions(folder: Path, *cells: str) -> dict[str, tuple[str, str]]:
    """Library to version and source, of a notebook with these cells before the run's own."""
    (recipe,) = read_cells(folder, *cells, MODEL + ARGUMENTS + TRAIN).recipes
    return {
        name: (row["version"], row["source"])
        for name, row in recipe.versions.items()
        if row["source"] != "the newest known to qlint"
    }


def newest_below(library: str, prefix: str) -> str:
    return [text for text in libraries.known_versions(library) if text.startswith(prefix)][-1]


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("!pip install peft==0.11.1", "0.11.1"),
        ("%pip install -q 'peft==0.11.1'", "0.11.1"),
        ("pip install peft==0.11.1", "0.11.1"),
        ("!uv pip install --system peft==0.11.1", "0.11.1"),
        ("!python -m pip install peft==0.11.1", "0.11.1"),
        ("!{sys.executable} -m pip install peft==0.11.1", "0.11.1"),
        ("!pip install -U torch && pip install peft[x]==0.11.1", "0.11.1"),
        ("!pip install git+ssh://git@host/huggingface/peft.git@v0.11.1", "0.11.1"),
        ("!conda install -y peft=0.11.1", "0.11.1"),
        ('!pip install "peft<0.12"', newest_below("peft", "0.11.")),
        ('!pip install "peft>=0.11,<0.12"', newest_below("peft", "0.11.")),
        ("!pip install peft~=0.11.0", newest_below("peft", "0.11.")),
        ("!pip install peft==0.10.0\n!pip install peft==0.11.1", "0.11.1"),
        ("!pip install peft==0.11.1\n!pip install 'peft>=0.10'", "0.11.1"),
        ("!pip install peft", None),
        ("!pip uninstall -y peft==0.11.1", None),
        ("!echo peft==0.11.1", None),
        ("# !pip install peft==0.11.1", None),
    ],
)
def test_an_installation_decides_the_version(
    tmp_path: Path, line: str, version: str | None
) -> None:
    found = versions(tmp_path, "x = 1", line)
    if version is None:
        assert found == {}
    else:
        number = line.count("\n") + 1 if version in line.split("\n")[-1] else 1
        assert found == {"peft": (version, f"installed in cell 2, line {number}")}


def test_a_file_of_requirements_is_read_beside_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "deps.txt").write_text("torch\npeft==0.11.1\n")
    found = versions(tmp_path, "!pip install -q -r deps.txt")
    assert found == {"peft": ("0.11.1", "deps.txt:2, installed in cell 1, line 1")}


def test_a_file_that_a_cell_writes_counts_before_that_on_disk(tmp_path: Path) -> None:
    (tmp_path / "deps.txt").write_text("peft==0.10.0\n")
    found = versions(
        tmp_path, "%%writefile deps.txt\npeft==0.11.1", "!pip install --requirement=deps.txt"
    )
    assert found == {"peft": ("0.11.1", "deps.txt:1, installed in cell 2, line 1")}


def test_the_folder_that_the_notebook_has_gone_to_holds_the_file(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "deps.txt").write_text("peft==0.11.1\n")
    assert versions(tmp_path, "%cd train\n!pip install -r deps.txt")["peft"][0] == "0.11.1"
    gone = versions(tmp_path, "%cd elsewhere\n!pip install -r deps.txt")
    assert gone == {}


def test_nothing_outside_the_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "deps.txt").write_text("peft==0.11.1\n")
    inner = tmp_path / "project"
    inner.mkdir()
    assert versions(inner, "!pip install -r ../deps.txt") == {}


def test_what_a_notebook_installs_wins_over_the_project(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("peft==0.10.0\n")
    assert versions(tmp_path)["peft"] == ("0.10.0", "requirements.txt:1")
    assert versions(tmp_path, "!pip install peft==0.11.1")["peft"][0] == "0.11.1"
    data = notebook("!pip install peft==0.11.1", MODEL + ARGUMENTS + TRAIN)
    asked = Request(root=str(tmp_path), target_versions={"peft": "0.12.0"})
    (recipe,) = read(str(tmp_path / "nb.ipynb"), data, asked).recipes
    assert recipe.versions["peft"] == {"version": "0.12.0", "source": "--target-versions"}


PIECES = st.sampled_from(
    ["pip install ", "uv add ", "conda install ", "peft==0.11.1 ", "-r ", "-rx ", "--requirement=",
     '"', "'", "\\\n", "\n", "&&", ";", "$A", "${A:-1}", "${", "RUN ", "ARG A=1\n", "ENV A 2\n",
     "#", " ", "==", "git+ssh://h/peft@v1.2 ", "\x00", "é"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_text_is_too_odd(text: str) -> None:
    for one in installed(text, "x", 1):
        assert isinstance(one, Pin | str)
    for pin in dockerfile(text.encode(), "missing/folder/Dockerfile"):
        assert pin.library == "peft"
        assert 1 <= pin.line <= text.count("\n") + 1
