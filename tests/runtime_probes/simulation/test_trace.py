"""A step of many layers follows from one of five exactly, or not at all."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

trace: Any = importlib.import_module("qlint.runtime_probes.simulation.trace")
Place = trace.Place


def step(layers: int, saved: list[int], odd: int | None = None) -> Any:
    """A step whose layers each keep ``saved``, hand a gradient down and free as they go back.

    The layer ``odd`` keeps one byte more.
    """
    made = trace.Trace()
    made.enter(Place("resident"))
    made.allocate(1000, "weights", "embedding")
    for layer in range(layers):
        made.enter(Place("resident", layer))
        made.allocate(100, "weights", "layer")
    kept = []
    for layer in range(layers):
        made.enter(Place("forward", layer))
        extra = 1 if layer == odd else 0
        kept.append([made.allocate(size + extra, "activations", "layer") for size in saved])
        made.release(made.allocate(7, "activations", "layer"))
    made.enter(Place("loss"))
    logits = made.allocate(500, "logits", "head")
    made.enter(Place("backward", layers - 1))
    gradient = made.allocate(50, "temporaries", "layer")
    made.release(logits)
    adapters = []
    for layer in reversed(range(layers)):
        made.enter(Place("backward", layer))
        below = made.allocate(50, "temporaries", "layer")
        made.release(gradient)
        for block in reversed(kept.pop()):
            made.release(block)
        adapters.append(made.allocate(9, "gradients", "layer"))
        gradient = below
    made.enter(Place("optimizer step"))
    made.release(gradient)
    for block in adapters:
        made.release(block)
    return made


def told(made: Any) -> list[tuple[str, bool, int, str, int]]:
    """All that happens in a step, in order; what the end frees at once comes in any order."""
    events = [
        (
            str(place),
            event.allocates,
            event.block.bytes,
            str(event.block.place),
            event.block.ordinal,
        )
        for place, event in made.events()
    ]
    end = [event for event in events if event[0] == "optimizer step"]
    return events[: len(events) - len(end)] + sorted(end)


@given(st.integers(5, 24), st.lists(st.integers(1, 99), max_size=4))
def test_layers_repeated_are_layers_run(layers: int, saved: list[int]) -> None:
    assert told(step(5, saved).with_layers(layers)) == told(step(layers, saved))


@pytest.mark.parametrize("odd", [1, 2, 3])
def test_a_layer_unlike_its_neighbours_is_not_repeated(odd: int) -> None:
    with pytest.raises(trace.NotUniform):
        step(5, [10, 20], odd).with_layers(12)


@pytest.mark.parametrize("odd", [0, 4])
def test_the_first_and_the_last_layer_may_differ(odd: int) -> None:
    longer = step(5, [10, 20], odd).with_layers(12)
    assert told(longer) == told(step(12, [10, 20], 0 if odd == 0 else 11))


def test_fewer_layers_than_were_run_do_not_follow() -> None:
    with pytest.raises(trace.NotUniform):
        step(5, [10]).with_layers(4)
