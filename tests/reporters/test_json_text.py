"""JSON reports: whatever their layout, they hold the document and nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from qlint.reporters.json_text import as_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)  # fmt: skip


@given(st.dictionaries(st.text(), VALUES))
def test_the_document_comes_back(document: dict[str, object]) -> None:
    assert json.loads(as_json(document)) == document


def test_a_field_of_a_recipe_has_one_line() -> None:
    field = {"state": "set", "value": [1, 2], "origin": [{"line": 3}]}
    text = as_json({"recipes": [{"id": "a", "fields": {"lora_r": field, "optim": field}}]})
    lines = [line for line in text.splitlines() if '"state"' in line]
    assert [json.loads("{" + line.strip().rstrip(",") + "}") for line in lines] == [
        {"lora_r": field},
        {"optim": field},
    ]
