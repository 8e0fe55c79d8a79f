"""What a card's allocator remembers of a step is what the step allocated."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from wide_run import wide_run

pytest.importorskip("bitsandbytes")
pytest.importorskip("peft")

import torch
from documented_allocator import DocumentedAllocator

PROBE = "qlint.runtime_probes.activations"
history: Any = importlib.import_module(f"{PROBE}.history")
steps: Any = importlib.import_module(f"{PROBE}.steps")
CPU = torch.device("cpu")


@pytest.fixture
def run() -> Any:
    made = wide_run(hidden=64, layers=2, rows=64, batch=2, checkpointing=False)
    made.forward_backward(made.windows[0])
    made.update()
    return made


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch, run: Any) -> DocumentedAllocator:
    made = DocumentedAllocator()
    made.install(monkeypatch, history)
    resident = importlib.import_module(f"{PROBE}.resident").resident
    for tensor, _, _ in resident(run, run.windows):
        made.known(tensor)
    return made


def test_the_history_of_a_step_is_what_the_tracker_saw(
    run: Any, allocator: DocumentedAllocator
) -> None:
    """By height, place and kind, with a checkpointed layer's second forward in the backward."""
    peak_of = importlib.import_module(f"{PROBE}.peak").peak_of
    kinds = importlib.import_module(f"{PROBE}.kinds").Kinds(run.model)
    tracked = importlib.import_module(f"{PROBE}.tracked")
    work = steps.training(run, run.windows[0])
    seen = peak_of(tracked.traced(run, run.windows, work), kinds)

    with allocator:
        remembered = peak_of(history.traced(run, run.windows, work, CPU), kinds)

    assert remembered.resident_bytes == 0, "nothing of it is on a card"
    # Blocks of 512 bytes hold what was asked for.
    dynamic = seen.peak_bytes - seen.resident_bytes
    assert remembered.peak_bytes == pytest.approx(dynamic, rel=0.02)
    assert remembered.saved_bytes == pytest.approx(seen.saved_bytes, rel=0.02)
    assert remembered.at == seen.at
    for name, size in seen.by_module.items():
        assert remembered.by_module[name] == pytest.approx(size, rel=0.02, abs=8 * 512)
    for kind in ("saved inputs", "attention", "logits and loss", "adapters"):
        expected = seen.by_kind.get(kind, 0)
        assert remembered.by_kind.get(kind, 0) == pytest.approx(expected, rel=0.02, abs=8 * 512)


def test_nothing_is_remembered_or_marked_after_a_step_that_failed(
    run: Any, allocator: DocumentedAllocator
) -> None:
    class Failed(Exception):
        pass

    def work(enter: Any) -> None:
        enter("forward")
        assert allocator.recording
        assert allocator.mark == "forward|"
        raise Failed

    hooks = [len(module._forward_hooks) for module in run.model.modules()]
    with allocator, pytest.raises(Failed):
        history.traced(run, run.windows, work, CPU)

    assert not allocator.recording
    assert allocator.mark == ""
    assert [len(module._forward_hooks) for module in run.model.modules()] == hooks
    assert [one["enabled"] for one in allocator.asked] == ["all", None]
    assert allocator.asked[0]["context"] is None, "a stack for each of them would cost the step"


def test_entries_of_all_kinds_are_read_as_they_are_documented() -> None:
    """One without an address, expandable segments, and blocks from before among them."""
    peak_of = importlib.import_module(f"{PROBE}.peak").peak_of
    kinds = importlib.import_module(f"{PROBE}.kinds").Kinds(torch.nn.Linear(1, 1))

    def entry(action: str, **more: Any) -> dict[str, Any]:
        common = {"stream": 0, "time_us": 5, "frames": [], "pool_id": (0, 0)}
        return {"action": action, "compile_context": "N/A", **common, **more}

    trace = [
        entry("segment_map", addr=0, size=20 * 2**20, user_metadata=""),
        entry("alloc", addr=4096, size=3 * 2**20, user_metadata="forward|layers.*.mlp"),
        entry("oom", device_free=77, size=2**34, user_metadata="forward|layers.*.mlp"),
        entry("segment_unmap", addr=0, size=2 * 2**20, user_metadata=""),
        entry("segment_free", addr=0, size=2 * 2**20, user_metadata=""),
        entry("free_requested", addr=99, size=7, user_metadata=""),
        entry("free_completed", addr=99, size=7, user_metadata=""),
        entry("snapshot", addr=0, size=0, user_metadata=""),
        entry("alloc", addr=2**23, size=1, user_metadata=""),
    ]

    peak = peak_of(history.replayed({"quantised weights": 2**20}, trace), kinds)

    assert peak.peak_bytes == 4 * 2**20 + 512
    assert peak.at == {"phase": "forward", "module": "outside of modules"}
    assert peak.by_module == {"layers.*.mlp": 3 * 2**20, "outside of modules": 512}


def test_an_allocator_that_remembers_nothing_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda.memory, "get_allocator_backend", lambda: "cudaMallocAsync")
    assert not history.has_marks()
    monkeypatch.setattr(torch.cuda.memory, "get_allocator_backend", lambda: "native")
    assert history.has_marks() is hasattr(torch.cuda.memory, "_set_memory_metadata")
