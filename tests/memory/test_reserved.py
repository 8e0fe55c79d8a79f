"""The rules of PyTorch's caching allocator."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from memory_jobs import qlora

from qlint.memory.allocator import MEBIBYTE, CachingAllocator, block_bytes
from qlint.memory.reserved import unused_bytes
from qlint.memory.step.walk import walk


def test_small_middling_and_large_requests_get_their_segments() -> None:
    for size, segment in (
        (1, 2 * MEBIBYTE),
        (MEBIBYTE, 2 * MEBIBYTE),
        (MEBIBYTE + 1, 20 * MEBIBYTE),
        (11 * MEBIBYTE, 12 * MEBIBYTE),
    ):
        allocator = CachingAllocator()
        allocator.allocate(size)
        assert allocator.reserved == segment


def test_freed_neighbours_are_merged_and_used_again() -> None:
    allocator = CachingAllocator()
    chunks = [allocator.allocate(5 * MEBIBYTE) for _ in range(4)]
    assert allocator.reserved == 20 * MEBIBYTE
    for chunk in chunks:
        allocator.release(chunk)
    allocator.allocate(20 * MEBIBYTE)
    assert allocator.reserved == 20 * MEBIBYTE


@given(st.lists(st.integers(1, 64 * MEBIBYTE), max_size=40))
def test_nothing_is_lost(sizes: list[int]) -> None:
    allocator = CachingAllocator()
    chunks = [allocator.allocate(size) for size in sizes]
    assert sum(sizes) <= allocator.allocated <= allocator.pinned_peak <= allocator.reserved
    for chunk in reversed(chunks):
        allocator.release(chunk)
    assert allocator.allocated == 0


def test_a_weight_takes_a_whole_segment_where_the_rest_is_small() -> None:
    assert block_bytes(100) == 512
    assert block_bytes(22_544_384) == 22 * MEBIBYTE
    assert block_bytes(20 * MEBIBYTE + 512) == 20 * MEBIBYTE + 512


def test_what_is_wholly_unused_could_be_given_back() -> None:
    allocator = CachingAllocator()
    large = allocator.allocate(100 * MEBIBYTE)
    allocator.release(large)
    small = [allocator.allocate(15 * MEBIBYTE) for _ in range(2)]
    assert allocator.reserved == allocator.pinned_peak == 100 * MEBIBYTE
    allocator.allocate(200 * MEBIBYTE)
    for chunk in small:
        allocator.release(chunk)
    allocator.allocate(300 * MEBIBYTE)
    assert allocator.reserved == 600 * MEBIBYTE
    assert allocator.pinned_peak == 500 * MEBIBYTE


def test_a_step_reserves_more_than_it_allocates() -> None:
    unused = unused_bytes(walk(qlora(gradient_checkpointing=True)))
    assert 0 <= unused.pinned <= unused.reserved < 1e9
    assert unused.reserved > 0


def test_where_inputs_are_large_what_every_layer_cuts_up_counts() -> None:
    job = qlora("llama-2-70b", gradient_checkpointing=True, per_device_train_batch_size=16)
    few = replace(job, model=replace(job.model, blocks=(replace(job.model.blocks[0], layers=8),)))
    assert unused_bytes(walk(job)).reserved > 1.5 * unused_bytes(walk(few)).reserved
