"""Walking a tree finds the same as libcst's own, slower way."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from qlint.readers.python.nodes import assignments, names_read, walk

FIXTURES = Path(__file__).parents[3] / "fixtures"
SCRIPTS = [*sorted((FIXTURES / "good").rglob("*.py")), FIXTURES / "speed" / "qlora_9kb.py"]


def everything(node: cst.CSTNode) -> list[cst.CSTNode]:
    return [node, *(inner for child in node.children for inner in everything(child))]


def names(node: cst.CSTNode) -> list[str]:
    if isinstance(node, cst.Name):
        return [node.value]
    if isinstance(node, cst.Attribute):
        return names(node.value)
    return [name for child in node.children for name in names(child)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_walking_finds_every_name_call_and_assignment(script: Path) -> None:
    module = cst.parse_module(script.read_text())
    wanted = everything(module)
    found = list(walk(module))
    for kind in (cst.Name, cst.Call, cst.Assign, cst.SimpleString, cst.CompFor):
        expected = {id(node) for node in wanted if isinstance(node, kind)}
        assert {id(node) for node in found if isinstance(node, kind)} == expected
    listed = [node for node in wanted if isinstance(node, cst.Assign)]
    assert list(map(id, assignments(module))) == list(map(id, listed))
    for node in wanted:
        if isinstance(node, cst.BaseExpression):
            assert sorted(names_read(node)) == sorted(names(node))
