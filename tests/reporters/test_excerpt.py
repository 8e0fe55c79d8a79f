"""The line under a finding is the one its author sees, with the caret under the value."""

from __future__ import annotations

import json

import pytest

from qlint.findings import Location
from qlint.inputs.sources import Sources
from qlint.reporters.excerpt import excerpt
from qlint.reporters.layout import Line

LINES = ['name = "a\\tb"', 'rate = "日本", 2e-4  # "quoted"']


def shown(data: bytes, location: Location) -> list[str]:
    sources = Sources()
    sources.put(location.path, data)
    return [said(line) for line in excerpt(location, sources)]


def said(line: Line) -> str:
    return "".join(text for text, _ in line)


def notebook(source: str | list[str]) -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {"cell_type": "code", "source": source},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=1).encode()


@pytest.mark.parametrize("whole", [True, False])
def test_a_line_of_a_cell_is_shown_as_it_reads_in_the_cell(whole: bool) -> None:
    text = "\n".join(LINES)
    data = notebook(text if whole else text.splitlines(keepends=True))
    place = Location("nb.ipynb", 2, 14, 2, 18, cell=2, physical_line=12)
    assert shown(data, place) == [
        "  |",
        '2 | rate = "日本", 2e-4  # "quoted"',
        "  |                ^^^^",
    ]


def test_a_cell_of_a_script_is_shown_without_the_prefix_of_databricks() -> None:
    script = "# Databricks notebook source\n# COMMAND ----------\n# MAGIC %pip install trl==0.1\n"
    place = Location("job.py", 2, 14, 2, 22, cell=2, physical_line=3)
    assert shown(script.encode(), place)[1:] == [
        "2 | %pip install trl==0.1",
        "  |              ^^^^^^^^",
    ]


@pytest.mark.parametrize(
    ("data", "cell", "line"),
    [
        (notebook("x = 1"), 1, 1),
        (notebook("x = 1"), 3, 1),
        (notebook("x = 1"), 2, 2),
        (b"not a notebook", 2, 1),
        (b"", 2, 1),
        (notebook("x" * 300), 2, 1),
    ],
)
def test_a_line_that_is_not_there_or_too_long_is_left_out(
    data: bytes, cell: int, line: int
) -> None:
    assert shown(data, Location("nb.ipynb", line, 1, cell=cell)) == []
