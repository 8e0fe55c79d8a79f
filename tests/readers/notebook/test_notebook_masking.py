"""Masking: what is not Python goes, lines and columns stay."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlint.readers.notebook.cells import Cell
from qlint.readers.notebook.commands import Action, Commands
from qlint.readers.notebook.masking import mask_cell


def mask(source: str) -> tuple[list[str], Commands]:
    lines = tuple(source.split("\n"))
    commands = Commands()
    masked = mask_cell(Cell(1, lines, tuple(range(1, len(lines) + 1))), commands)
    assert len(masked) == len(lines)
    return masked, commands


def shell(source: str) -> list[str]:
    return [one.text for one in mask(source)[1].listed if one.action is Action.SHELL]


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "%load_ext autoreload",
        "  %autoreload 2",
        "!ls -la",
        "!!ls",
        "model?",
        "model.generate??",
        "?model",
        "??model.generate",
        "pip install -q peft",
        "conda install pytorch -y",
        "uv pip install peft",
        "cd ..",
        "ls -la /tmp/x",
        "mkdir -p out",
        ",print a b",
        ";print a b",
        "/print a",
        "x = !ls",
        "x, y = %magic a",
        "files = !ls {folder}",
        "d['a'] = !ls",
        "%time",
        "!echo 'unclosed",
        "%%notfirst",
        "pip3 install 'a>=1'",
        "time model.train()",
    ],
)
def test_lines_that_only_ipython_understands(line: str) -> None:
    source = "a = 1\nif a:\n    pass\n" + line + "\nb = 2"
    if line.startswith(" "):
        source = "a = 1\nif a:\n" + line + "\nb = 2"
    masked, _ = mask(source)
    ast.parse("\n".join(masked))
    assert masked[0] == "a = 1"
    assert masked[-1] == "b = 2"


@pytest.mark.parametrize(
    "source",
    [
        "x = a % b",
        "x = (a\n  % b)",
        "x = a \\\n  % b",
        's = """\n!pip install x\n%time\n"""',
        "s = 'a' '!b'",
        "pip = 1\npip",
        "cd = 3",
        "ls = [1]\nls",
        "time = 3",
        "x = y if z else w  # really?",
        "print('!x')",
        "run(a)",
        "x != y",
        "a = b == c",
        "f = '''\nx?\n'''",
        "d = {\n  'a': 1,\n  # !no\n  'b': '%s' % c,\n}",
        "time (3)",
    ],
)
def test_python_is_left_alone(source: str) -> None:
    masked, commands = mask(source)
    assert masked == source.split("\n")
    assert not commands.listed


def test_continued_lines() -> None:
    masked, _ = mask("!python train.py \\\n  --lr 1e-4 \\\n  --r 8\nx = 1")
    assert masked[1:] == ["", "", "x = 1"]
    assert shell("!python train.py \\\n  --lr 1e-4 \\\n  --r 8\nx = 1") == [
        "python train.py \\\n  --lr 1e-4 \\\n  --r 8"
    ]


def test_timed_statement_keeps_its_columns() -> None:
    masked, _ = mask("%time trainer.train()\n  %timeit -n 1 f(x)")
    assert masked[0] == "if 1: trainer.train()"
    assert masked[1].index("f(x)") == 15


@pytest.mark.parametrize("name", ["time", "capture", "timeit", "prun"])
def test_cell_magics_that_run_the_cell(name: str) -> None:
    masked, _ = mask(f"%%{name} out\nx = 1\n!ls")
    assert masked[:2] == ["", "x = 1"]


@pytest.mark.parametrize("name", ["bash", "html", "writefile a.txt", "script false", "sql", "R"])
def test_cell_magics_that_do_not(name: str) -> None:
    masked, _ = mask(f"#@title x\n\n%%{name}\nlr = 1\n")
    assert not any("lr" in line for line in masked)


def test_lines_of_a_shell_cell() -> None:
    source = "%%bash\n# first\npip install peft==0.11.1\npython a.py \\\n  --lr 1"
    assert shell(source) == [source.removeprefix("%%bash\n")]


def test_magics_for_the_shell() -> None:
    source = "%pip install peft==0.11.1\n%sx ls\nx = %sx pwd\npip install trl"
    assert shell(source) == ["pip install peft==0.11.1", "ls", "pwd", "pip install trl"]


_PIECES = st.sampled_from(
    ["x = 1", "!ls", "%time f()", "%%bash", "x?", "(", ")", '"""', "'''", "\\", "# c", "if a:",
     "    b = 2", "pip install x", "y = !ls \\", "{", "]", "  %cd a", "'", "cd ..", "", "\t", "é"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(_PIECES, max_size=12))
def test_lines_are_kept(pieces: list[str]) -> None:
    mask("\n".join(pieces))


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200))
def test_any_text_is_masked(source: str) -> None:
    mask(source)


_PYTHON = st.sampled_from(
    ["x = 1", "y = [1,\n  2]", 's = """\n!a\n"""', "if x:\n    z = 2", "f(x)"]
)
_MAGIC = st.sampled_from(
    ["!ls", "%matplotlib inline", "x?", "a = !ls", "pip install x", "!a \\\n b"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), _PYTHON, _MAGIC), max_size=8))
def test_python_between_magics_keeps_its_place(parts: list[tuple[bool, str, str]]) -> None:
    chosen = [python if is_python else magic for is_python, python, magic in parts]
    masked, _ = mask("\n".join(chosen))
    ast.parse("\n".join(masked))
    line = 0
    for (is_python, _, _), part in zip(parts, chosen, strict=True):
        lines = part.split("\n")
        if is_python:
            assert masked[line : line + len(lines)] == lines
        line += len(lines)
