"""What fits a card is found by steps that are run, in a time that is bounded."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")

PROBE = "qlint.runtime_probes.activations"
duration: Any = importlib.import_module(f"{PROBE}.duration")
longest: Any = importlib.import_module(f"{PROBE}.longest")
Window: Any = importlib.import_module("qlint.runtime_probes.replay.window").Window
GIB = 2**30


class Card:
    """A card of which each token takes so much, with whatever else a step does."""

    def __init__(
        self, capacity: int, bytes_per_token: int, step: Callable[[int], None] = lambda tokens: None
    ) -> None:
        self.capacity = capacity
        self.bytes_per_token = bytes_per_token
        self.step = step
        self.ran: list[tuple[int, int | None]] = []

    def capacity_bytes(self) -> int:
        return self.capacity

    def height(self, work: Any, windows: Any, limit: int | None = None) -> int | None:
        tokens = windows[-1].inputs[0]["input_ids"].numel()
        self.ran.append((tokens, limit))
        self.step(tokens)
        peak = int(tokens * self.bytes_per_token)
        return peak if peak <= min(self.capacity, limit or self.capacity) else None


def fitting(
    card: Card, rows: int = 1, length: int = 512, *, seconds: float | None = None, unit: int = 1
) -> Any:
    inputs = {"input_ids": torch.ones(rows, length, dtype=torch.long)}
    run = SimpleNamespace(
        model=torch.nn.Linear(1, 1),
        windows=[Window((inputs,), None)],
    )
    run.model.config = SimpleNamespace(max_position_embeddings=4096)
    peak = SimpleNamespace(peak_bytes=rows * length * card.bytes_per_token)
    points = [
        {"rows": rows, "length": size, "peak_bytes": rows * size * card.bytes_per_token}
        for size in (length, length // 2)
    ]
    batch = longest.Longest(inputs, rows, length, "", unit)
    module = importlib.import_module(f"{PROBE}.fitting")
    return module.Fitting(run, batch, card, peak, points, duration.Deadline(seconds))


def test_the_largest_are_found_in_few_steps_on_a_large_card() -> None:
    card = Card(139 * GIB, 300_000)

    found = fitting(card).largest()

    assert found["by_length"] == {
        "rows": 1,
        "length": 4096,
        "peak_bytes": 4096 * 300_000,
        "stopped": "the model knows no more positions",
    }
    by_rows = found["by_rows"]
    assert by_rows["peak_bytes"] > 0.9 * card.capacity
    assert by_rows["fails_at"] <= by_rows["rows"] * 1.05 + 1
    assert len(card.ran) <= 8


def test_a_step_that_fails_for_another_reason_costs_one_figure() -> None:
    """A loss that takes what was recorded need not take it cut or repeated."""

    def step(tokens: int) -> None:
        if tokens > 512 and tokens % 1024 == 512:
            raise ValueError("odd rows\nof it")

    found = fitting(Card(GIB, 300_000, step)).largest()

    assert found["by_length"]["length"] >= 1024
    assert found["by_rows"] == {"skipped": "ValueError: odd rows"}


def test_a_model_that_names_no_end_is_not_tried_beyond_its_length() -> None:
    card = Card(GIB, 300_000)
    search = fitting(card)
    search._run.model.config = SimpleNamespace()

    found = search.largest()

    assert found["by_length"] == {"skipped": "the model does not say how many positions it knows"}
    assert found["by_rows"]["rows"] > 1
    assert all(tokens % 512 == 0 for tokens, _ in card.ran)


def test_rows_that_belong_together_are_tried_together() -> None:
    card = Card(8 * GIB, 1_000_000)

    found = fitting(card, rows=2, unit=2).largest()["by_rows"]

    assert found["rows"] % 2 == found["fails_at"] % 2 == 0


def test_what_a_trial_left_on_the_card_is_not_a_figure() -> None:
    held = importlib.import_module("qlint.runtime_probes.out_of_memory").MemoryHeld

    def step(tokens: int) -> None:
        if tokens > 512:
            raise held("A trial ran out of memory.")

    with pytest.raises(held):
        fitting(Card(GIB, 300_000, step)).largest()


def test_no_step_is_begun_that_would_end_too_late() -> None:
    def step(tokens: int) -> None:
        time.sleep(tokens / 512 * 0.05)

    card = Card(139 * GIB, 300_000, step)

    found = fitting(card, seconds=0.2).largest()

    assert found["by_rows"]["stopped"] == "the time budget was spent"
    # The whole card would take 45 s.
    assert max(tokens for tokens, _ in card.ran) <= 4 * 512
    assert fitting(card, seconds=0.0).largest() == {"skipped": "the time budget was spent"}


def test_the_smallest_card_that_fits_is_proven_by_running_on_it() -> None:
    """And no larger one, which it would fit as well."""
    card = Card(139 * GIB, 18 * GIB // 512)

    cards, reason = fitting(card).cards()

    assert reason is None
    assert [(one["fits"], one["ran"]) for one in cards] == [(True, True), (False, False)]
    assert 18 * GIB < cards[0]["usable_bytes"] < 24 * GIB
    assert cards[1]["usable_bytes"] < 18 * GIB
    assert len(card.ran) == 1
    assert fitting(card, seconds=0.0).cards()[1] == "the time budget was spent"


def test_a_peak_that_fits_may_need_a_larger_card_when_it_is_run() -> None:
    """Between what tensors take and what the allocator takes for them there is waste."""
    card = Card(139 * GIB, 18 * GIB // 512)
    full = card.height
    card.height = lambda *a: full(*a) if a[2] > 30 * GIB else None  # type: ignore[method-assign]

    cards, _ = fitting(card).cards()

    assert cards[0]["fits"] is cards[0]["ran"] is True
    assert 30 * GIB < cards[0]["usable_bytes"] < 33 * GIB
    assert all(one["ran"] and not one["fits"] for one in cards[1:-1])
    assert not cards[-1]["ran"]


def test_the_search_takes_longer_where_more_fits_but_not_for_ever() -> None:
    seconds = duration.search_seconds

    assert seconds(0.1, 0) == 0
    assert seconds(0.1, 3) < seconds(0.1, 10) < seconds(1.0, 10)
    assert seconds(30.0, 1000) == duration.MOST_SECONDS
