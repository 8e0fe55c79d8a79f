"""Cards by name, by size and in numbers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlint.errors import UsageError
from qlint.knowledge.gpus import all_cards, find_card, parse_cards

GIBIBYTE = 2**30


@pytest.mark.parametrize(
    ("text", "name", "gibibytes"),
    [
        ("rtx4090", "RTX 4090", 23.64),
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 23.64),
        ("4090", "RTX 4090", 23.64),
        ("a100-80gb", "A100 80GB", 79.25),
        ("A100-SXM4-40GB", "A100 40GB", 39.56),
        ("Tesla T4", "T4", 14.74),
        ("h200", "H200", 139.8),
        ("24GB", "24GB", 23.64),
        ("80 GiB", "80 GiB", 78.8),
    ],
)
def test_known_cards(text: str, name: str, gibibytes: float) -> None:
    card = find_card(text)
    assert card is not None
    assert card.name == name
    assert card.usable_bytes / GIBIBYTE == pytest.approx(gibibytes, abs=0.01)


@pytest.mark.parametrize("text", ["", "toaster", "24", "GB", "a100", "0GB", "-24GB", "99999GB"])
def test_unknown_cards(text: str) -> None:
    assert find_card(text) is None


def test_several_cards() -> None:
    number, card = parse_cards("2x24GB")
    assert (number, card.usable_bytes) == (2, int(24 * 0.985 * GIBIBYTE))
    assert parse_cards("4 x A100-80GB")[0] == 4
    assert parse_cards("rtx3090")[0] == 1


def test_a_card_nobody_knows_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="did you mean RTX 4090"):
        parse_cards("RTX 4091")
    for text in ("0x24GB", "2x", "x24GB", "2xtoaster", "1" * 5000):
        with pytest.raises(UsageError):
            parse_cards(text)


def test_no_card_offers_all_that_it_is_sold_with() -> None:
    for card in all_cards():
        assert 0 < card.usable_bytes < 181 * GIBIBYTE
        assert card.bandwidth is not None
    assert not find_card("t4").bfloat16  # type: ignore[union-attr]


@given(st.text(max_size=40))
def test_any_text_is_a_card_or_a_sentence(text: str) -> None:
    with contextlib.suppress(UsageError):
        number, card = parse_cards(text)
        assert number > 0
        assert card.usable_bytes > 0
