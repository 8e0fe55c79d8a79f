"""Whatever the bytes are: a Reading, soon, and no exception."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notebook_building import MODEL, TRAIN, code, notebook

from qlint.readers import read
from qlint.readers.request import Request
from qlint.recipe import Reading

pytestmark = pytest.mark.timeout(120)  # a hang is what is looked for


def read_any(data: bytes, name: str = "nb.ipynb") -> Reading:
    return read(f"/nonexistent/{name}", data, Request(root="/nonexistent"))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_any(data)
    read_any(b'{"cells": [' + data + b"]}")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["code", "markdown", MODEL, TRAIN, "!python train.py", "%%bash\nx", "f(a=1"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["cells", "worksheets", "cell_type", "source", "input", "metadata"]), inner
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(_JSON)
def test_any_json(value: object) -> None:
    read_any(json.dumps(value).encode())
    read_any(json.dumps({"cells": value}).encode())


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=80), max_size=4))
def test_any_cells(sources: list[str]) -> None:
    read_any(notebook(code(MODEL), *[code(source) for source in sources], code(TRAIN)))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_a_notebook_with_a_piece_missing(start: int, length: int) -> None:
    whole = notebook(
        MODEL, "%%writefile a.py\nx", "!python a.py --lr {x}", "?y", f"args = 1\n{TRAIN}"
    )
    read_any(whole[:start] + whole[start + length :])


BIG = 50_000_000


@pytest.mark.parametrize(
    "data",
    [
        b'{"cells": ' + b"[" * BIG,
        b'{"cells": [' + b"{}," * (BIG // 3) + b"{}]}",
        b'{"x": [' + b"1," * (BIG // 2) + b'1], "cells": []}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"\\n" * (BIG // 2) + b'"}]}',
        b'{"cells": [{"cell_type": "code", "source": "get_peft_model(' + b"x" * BIG + b'"}]}',
        b'{"cells": [{"cell_type": "code", "source": [' + b'"a",' * (BIG // 4) + b'"a"]}]}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"get_peft_model(" * 100_000 + b'"}]}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"!python a.py\\n" * 100_000 + b'"}]}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"Trainer(a=1\\n" * 100_000 + b'"}]}',
        b'{"cells": [' + b'{"cell_type":"code","source":"f("},' * 20_000 + b"{}]}",
        b'{"cells": [' + b'{"cell_type":"code","source":"Trainer(a,\\nx = 2"},' * 20_000 + b"{}]}",
        b'{"cells": [{"cell_type": "code", "source": "' + b"x = !a \\\\\\n" * 300_000 + b'"}]}',
        b'{"cells": [{"cell_type": "code", "source": "Trainer(' + b"-" * 200_000 + b'1)"}]}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"'" * 1_000_000 + b'"}]}',
        b"\n" * BIG,
        b"\0" * BIG,
        b"\xff" * BIG,
    ],
    ids=lambda data: f"{data[:12]!r}{data[-60:-40]!r}",
)  # fmt: skip
def test_hostile_notebooks_take_seconds(data: bytes) -> None:
    read_any(data)


def test_outputs_of_many_megabytes_are_stepped_over(tmp_path: Path) -> None:
    cell = code(MODEL)
    cell["outputs"] = [{"data": {"image/png": "A" * 40_000_000, "text": ['[{"\n'] * 100_000}}]
    data = notebook(cell, code(f"args = TrainingArguments('o', learning_rate=1e-4)\n{TRAIN}"))
    assert read_any(data).recipes[0].value("learning_rate") == 1e-4
