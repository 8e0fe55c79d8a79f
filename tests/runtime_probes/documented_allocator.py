"""CUDA's allocator as PyTorch documents its history, kept for the storages of a processor.

``torch.cuda.memory._snapshot`` describes the structure; the order of entries and what they hold
were read in ``c10/cuda/CUDACachingAllocator.cpp``.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_OTHER_CARD = {"action": "alloc", "addr": 512, "size": 2**40, "user_metadata": "forward|elsewhere"}


class DocumentedAllocator(TorchDispatchMode):  # type: ignore[misc]  # torch is not looked at.
    """Stands in for card 1 of two; install it, and enter it around the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.recording = False
        self.asked: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []
        self._marks = threading.local()
        self._alive: dict[int, weakref.ref[Any]] = {}

    def install(self, monkeypatch: Any, history: Any) -> None:
        """In place of what ``torch.cuda`` does."""
        memory = torch.cuda.memory
        monkeypatch.setattr(memory, "_record_memory_history", self._record)
        monkeypatch.setattr(memory, "_snapshot", self._snapshot)
        monkeypatch.setattr(memory, "_set_memory_metadata", self._mark)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        monkeypatch.setattr(history, "gpu_index", lambda device: 1)

    @property
    def mark(self) -> str:
        """What this thread's allocations are marked with."""
        return str(getattr(self._marks, "text", ""))

    def _record(self, enabled: str | None = "all", **named: Any) -> None:
        self.asked.append({"enabled": enabled, **named})
        self.recording = enabled is not None
        self._entries = []  # Switching it off forgets.

    def _mark(self, text: str) -> None:
        self._marks.text = text

    def _snapshot(self) -> dict[str, Any]:
        self._enter("snapshot", addr=0, size=0)
        return {
            "segments": [],
            "device_traces": [[_OTHER_CARD], self._entries],
            "allocator_settings": {"expandable_segments": False},
            "external_annotations": [],
        }

    def _enter(self, action: str, **more: Any) -> None:
        if self.recording:
            entry = {"action": action, "stream": 0, "time_us": 1, "compile_context": "N/A"}
            self._entries.append({**entry, "user_metadata": self.mark, "pool_id": (0, 0), **more})

    def _allocated(self, storage: Any) -> None:
        known = self._alive.get(id(storage))
        if known is not None and known() is storage:
            return
        place = {"addr": storage.data_ptr(), "size": storage.nbytes()}
        self._enter("segment_alloc", addr=place["addr"], size=2 * 2**20)
        self._enter("alloc", **place)

        def gone(_reference: object) -> None:
            self._enter("free_requested", **place)
            self._enter("free_completed", **place)

        self._alive[id(storage)] = weakref.ref(storage, gone)

    def known(self, tensor: torch.Tensor) -> None:
        """It was there before the history began."""
        storage = tensor.untyped_storage()
        self._alive[id(storage)] = weakref.ref(storage, lambda _: None)

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().nbytes():
                self._allocated(tensor.untyped_storage())
        return result
