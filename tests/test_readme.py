"""What README.md shows as output is what the commands print."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "readme_output.py"


def tool() -> Any:
    spec = importlib.util.spec_from_file_location("readme_output", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


README = tool()
BLOCKS = list(README.blocks(README.README.read_text(encoding="utf-8")))


def test_there_is_output_to_compare() -> None:
    assert {command.split()[0] for command, _ in BLOCKS} >= {"plan", "inspect"}
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_the_output_is_what_the_command_prints(command: str, shown: str) -> None:
    """``python tools/readme_output.py --write`` puts the present output there."""
    assert README.output_of(command) == shown
