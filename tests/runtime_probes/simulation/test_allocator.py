"""The caching allocator's own rules, from its source, at the sizes where they change."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

allocator: Any = importlib.import_module("qlint.runtime_probes.simulation.allocator")
trace: Any = importlib.import_module("qlint.runtime_probes.simulation.trace")

KIB, MIB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("asked", "allocated", "reserved"),
    [
        (1, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 1, 10 * MIB, 10 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        # What is left of its own segment is too little to be split off, so it counts as taken.
        (15 * MIB, 16 * MIB, 16 * MIB),
        (0, 0, 0),
    ],
)
def test_one_request(asked: int, allocated: int, reserved: int) -> None:
    memory = allocator.CachingAllocator()
    memory.allocate(asked)
    assert (memory.allocated, memory.reserved) == (allocated, reserved)


def test_small_requests_share_a_segment() -> None:
    memory = allocator.CachingAllocator()
    for _ in range(4):
        memory.allocate(512 * KIB)
    assert memory.reserved == 2 * MIB
    memory.allocate(1)
    assert memory.reserved == 4 * MIB


def test_freed_neighbours_serve_a_larger_request() -> None:
    memory = allocator.CachingAllocator()
    chunks = [memory.allocate(5 * MIB) for _ in range(4)]
    assert memory.reserved == 20 * MIB
    for chunk in (chunks[0], chunks[2], chunks[1]):
        memory.release(chunk)
    memory.allocate(15 * MIB)
    assert (memory.allocated, memory.reserved) == (20 * MIB, 20 * MIB)


def test_a_hole_that_is_too_small_leaves_memory_reserved_for_nothing() -> None:
    memory = allocator.CachingAllocator()
    first, _ = memory.allocate(8 * MIB), memory.allocate(12 * MIB)
    memory.release(first)
    memory.allocate(24 * MIB)
    assert (memory.allocated, memory.reserved) == (36 * MIB, 44 * MIB)


@given(st.lists(st.tuples(st.integers(0, 40 * MIB), st.integers(0, 9)), max_size=60))
def test_nothing_is_lost_whatever_comes_and_goes(steps: list[tuple[int, int]]) -> None:
    memory = allocator.CachingAllocator()
    held: list[tuple[Any, int]] = []
    for size, freed in steps:
        held.append((memory.allocate(size), size))
        if freed < len(held):
            memory.release(held.pop(freed)[0])
        asked = sum(allocator.rounded_up(size) for _, size in held)
        assert asked <= memory.allocated <= memory.reserved
        assert memory.allocated <= asked + MIB * len(held)
    reserved = memory.reserved
    for chunk, _ in held:
        memory.release(chunk)
    assert (memory.allocated, memory.reserved) == (0, reserved)


def test_the_peak_tells_what_is_there_at_that_moment() -> None:
    step = trace.Trace()
    step.enter(trace.Place("resident"))
    step.allocate(4 * MIB, "weights", "")
    step.enter(trace.Place("forward", 0))
    gone = step.allocate(30 * MIB, "activations", "mlp")
    step.release(gone)
    step.enter(trace.Place("loss"))
    step.allocate(20 * MIB, "logits", "head")
    peak = allocator.peak(step)
    assert str(peak.place) == "forward of layer 0"
    assert peak.components == {"weights": 4 * MIB, "activations": 30 * MIB}
    assert peak.resident == 4 * MIB
    assert peak.allocated == 34 * MIB + peak.unsplit
    assert peak.reserved == 20 * MIB + 30 * MIB
