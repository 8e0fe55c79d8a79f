"""Figures and places in words."""

from __future__ import annotations

import pytest

from qlint.recipe import Field, Origin, State
from qlint.rulebook.wording import described, gigabytes, number, scientific


@pytest.mark.parametrize(
    ("value", "text"), [(2e-4, "2e-4"), (1.5e-5, "1.5e-5"), (0.001, "1e-3"), (1.0, "1e0")]
)
def test_scientific(value: float, text: str) -> None:
    assert scientific(value) == text


def test_gigabytes_and_numbers() -> None:
    assert gigabytes(38_000_000) == "0.04 GB"
    assert gigabytes(3_840_000_000) == "3.8 GB"
    assert number(1.0) == "1"


def test_a_field_says_where_it_was_decided() -> None:
    bare = Field(State.SET, 8)
    assert described(bare, "8") == "8"
    assert described(Field(State.DEFAULT, 8), "8") == "8 (the library's default)"
    whole_file = Field(State.SET, 8, (Origin("run/config.yaml"),))
    assert described(whole_file, "8") == "8 (config.yaml)"
