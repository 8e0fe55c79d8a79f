"""The instrument on CUDA: the history of PyTorch's allocator, with marks of phase and module.

``torch.cuda.memory._set_memory_metadata`` marks allocations; releases without it have no marks,
and then only the peak is known. Read in PyTorch's source (``csrc/cuda/memory_snapshot.cpp``): an
entry of ``device_traces`` has ``action``, ``addr``, ``size`` (as asked for) and ``user_metadata``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from ..capture.patches import Patches
from ..dequantisation.native import DENSE_ELEMENT_BYTES, wrap_all
from ..environment import gpu_index
from ..replay.run import Run
from ..replay.window import Window
from ..simulation.trace import Block, Phase, Place, Trace
from .kinds import module_kind
from .resident import resident
from .steps import Work, collected
from .tracked import mark_backward

METHOD = "torch.cuda.max_memory_allocated; what it is made of from the allocator's history"
_ENTRIES = 2_000_000
_ROUNDED = 512
"""The caching allocator counts in blocks of so many bytes."""


def has_marks() -> bool:
    """Whether this release of PyTorch can mark allocations, and its allocator is the one that
    remembers them: others ignore the marks and refuse to keep a history."""
    marks = hasattr(torch.cuda.memory, "_set_memory_metadata")
    return marks and torch.cuda.memory.get_allocator_backend() == "native"


def traced(run: Run, windows: list[Window], work: Work, device: torch.device) -> Trace:
    """The trace of ``work`` on ``device``."""
    with collected(), Patches() as patches:
        marks = _Marks(patches, run.model)
        mark_backward(patches, marks.enter)
        in_backward_thread(device, lambda: _mark("backward", ""))
        before = _resident_bytes(run, windows, torch.cuda.memory_allocated(device))
        # No stack is kept; asking for Python's alone spares torch from learning to unwind C++.
        torch.cuda.memory._record_memory_history(
            "all", context=None, stacks="python", max_entries=_ENTRIES
        )
        try:
            work(marks.enter)
            torch.cuda.synchronize(device)
            entries = torch.cuda.memory._snapshot()["device_traces"][gpu_index(device)]
        finally:
            torch.cuda.memory._record_memory_history(None)
            torch.cuda.memory._set_memory_metadata("")
            in_backward_thread(device, lambda: torch.cuda.memory._set_memory_metadata(""))
    return replayed(before, entries, marks.known)


def in_backward_thread(device: torch.device, action: Callable[[], object]) -> None:
    """Do ``action`` in the thread in which autograd computes on ``device``.

    A mark holds for the thread that set it (``user_metadata`` in ``c10/cuda/CUDACachingAllocator``
    is ``thread_local``), and the backward on a card has a thread of its own.
    """
    begin = torch.zeros((), device=device, requires_grad=True)
    end = begin * 1

    def act(_gradient: Any) -> None:
        action()

    end.register_hook(act)
    torch.autograd.backward(end)  # Not the method, which is watched.


def _mark(phase: str, module: str) -> None:
    torch.cuda.memory._set_memory_metadata(f"{phase}|{module}")


class _Marks:
    """Sets the mark of allocations: the phase, and the innermost module that runs.

    ``known`` names what is only told afterwards, by its address and its bytes: dense weights, when
    the native function writes to them, and gradients, when they are added to their parameter.
    """

    def __init__(self, patches: Patches, model: torch.nn.Module) -> None:
        self._phase: Phase = "forward"
        self._modules: list[str] = []
        self.known: dict[tuple[int, int], str] = {}
        wrap_all(patches, self._noting)
        for parameter in model.parameters():
            if parameter.requires_grad:
                hook = parameter.register_post_accumulate_grad_hook(self._gradient)
                patches.later(hook.remove)
        for path, module in model.named_modules():
            entering = module.register_forward_pre_hook(self._entering(module_kind(path)))
            left = module.register_forward_hook(self._left, always_call=True)
            patches.later(entering.remove)
            patches.later(left.remove)

    def enter(self, phase: Phase) -> None:
        """A phase begins."""
        self._phase = phase
        self._set()

    def _noting(self, name: str, function: Any) -> Any:
        size = DENSE_ELEMENT_BYTES.get(name)
        if size is None:
            return function

        def noting(*arguments: Any) -> Any:
            # (code, packed, scales, dense, block size, number of weights, stream)
            dense, weights = (getattr(arguments[at], "value", arguments[at]) for at in (3, 5))
            self.known[dense, size * weights] = "dequantised weight"
            return function(*arguments)

        return noting

    def _gradient(self, parameter: Any) -> None:
        storage = parameter.grad.untyped_storage()
        self.known[storage.data_ptr(), storage.nbytes()] = "gradients"

    def _entering(self, kind: str) -> Callable[..., None]:
        def entering(_module: Any, _arguments: Any) -> None:
            self._modules.append(kind)
            self._set()

        return entering

    def _left(self, _module: Any, _arguments: Any, _output: Any) -> None:
        self._modules.pop()
        self._set()

    def _set(self) -> None:
        module = self._modules[-1] if self._modules else ""
        _mark(self._phase, module)


def _resident_bytes(run: Run, windows: Iterable[Window], allocated: int) -> dict[str, int]:
    """What is there by component; the rest of ``allocated`` is what others hold."""
    seen: set[int] = set()
    sizes: dict[str, int] = {}
    for tensor, component, _ in resident(run, windows):
        storage = tensor.untyped_storage()
        if tensor.is_cuda and storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            sizes[component] = sizes.get(component, 0) + _rounded(storage.nbytes())
    sizes["other"] = max(0, allocated - sum(sizes.values()))
    return sizes


def replayed(
    before: Mapping[str, int],
    entries: Iterable[Mapping[str, Any]],
    known: Mapping[tuple[int, int], str] | None = None,
) -> Trace:
    """The allocator's ``entries`` as a trace, after what was there ``before``.

    ``known`` are the components of blocks whose address and bytes are known.
    """
    known = known or {}
    trace = Trace()
    trace.enter(Place("resident"))
    for component, size in before.items():
        trace.allocate(size, component, "")
    trace.enter(Place("forward"))
    blocks: dict[int, Block] = {}
    for entry in entries:
        if entry["action"] == "alloc":
            phase, _, module = (entry.get("user_metadata") or "forward|").partition("|")
            trace.enter(Place(phase))  # type: ignore[arg-type]  # One of the marks set here.
            place = entry["addr"], entry["size"]
            component = known.get(place) or _component(phase, module)
            blocks[entry["addr"]] = trace.allocate(_rounded(entry["size"]), component, module)
        elif entry["action"] == "free_requested" and entry["addr"] in blocks:
            trace.release(blocks.pop(entry["addr"]))
    return trace


def _component(phase: str, module: str) -> str:
    if phase == "backward":
        return "recomputed activations" if module else "backward temporaries"
    return "activations" if phase == "forward" else "optimizer temporaries"


def _rounded(size: int) -> int:
    return -(-size // _ROUNDED) * _ROUNDED
