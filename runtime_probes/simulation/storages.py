"""Watches every storage that comes and goes while a model runs, real or fake, and writes a trace.

A dispatch mode sees what each operation returns; a storage it has not seen is an allocation, and
its death a free. What an operation takes inside and gives back (``scratch``) is told to it.
Gradient hooks on what passes between layers cut the backward pass into the layers' segments.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .trace import Block, Phase, Place, Trace

Scratch = Callable[..., Iterable[int]]
"""Sizes in bytes of what an operation allocates inside, given its arguments."""

_NUMBER = re.compile(r"\.\d+(?=\.|$)")


class StorageTracker(TorchDispatchMode):
    """Records allocations in ``trace``.

    ``scratch`` names, for an operation, the component that its inner allocations belong to, and
    what they are; ``outputs`` the component of what an operation returns, where that is known.
    """

    def __init__(
        self,
        scratch: Mapping[Any, tuple[str, Scratch]],
        outputs: Mapping[Any, str],
    ) -> None:
        super().__init__()
        self.trace = Trace()
        self._scratch = scratch
        self._outputs = outputs
        self._alive: dict[int, tuple[weakref.ref[Any], Block]] = {}
        self._modules: list[str] = []
        self._hooks: list[Any] = []
        self._kept: list[object] = []
        self._watching = True

    def resident(self, tensors: Iterable[Any], component: str, module: str = "") -> None:
        """Storages that are there before the step begins."""
        for tensor in tensors:
            self._add(tensor.untyped_storage(), component, module)

    def keep(self, anything: object) -> None:
        """Hold on to what must live as long as the watch does."""
        self._kept.append(anything)

    def watch_modules(self, model: Any) -> None:
        """Keep account of the innermost module that runs, and of the gradients that arrive."""
        for path, module in model.named_modules():
            kind = _NUMBER.sub(".*", path)
            self._hooks.append(module.register_forward_pre_hook(self._entering(kind)))
            self._hooks.append(module.register_forward_hook(self._left, always_call=True))
        for parameter in model.parameters():
            if parameter.requires_grad:
                hook = parameter.register_post_accumulate_grad_hook(self._gradient)
                self._hooks.append(hook)

    def watch_layers(self, backbone: Any, layers: list[list[Any]]) -> None:
        """Cut the step into segments: ``layers`` are runs of modules that each count as one layer.

        ``backbone`` is the module whose output goes to the loss.
        """
        for number, modules in enumerate(layers):
            hook = modules[0].register_forward_pre_hook(
                self._layer_begins(number), with_kwargs=True
            )
            self._hooks.append(hook)
        last = len(layers) - 1

        def backbone_ends(_module: Any, _arguments: Any, output: Any) -> None:
            if not self._going_back:
                self.trace.enter(Place("loss"))
                hidden = output[0] if isinstance(output, tuple) else output.last_hidden_state
                self._on_gradient(hidden, Place("backward", last))

        self._hooks.append(backbone.register_forward_hook(backbone_ends))

    def unwatch(self) -> None:
        """Remove all hooks; what dies from now on is not part of the step."""
        self._watching = False
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    @property
    def _going_back(self) -> bool:
        return bool(torch._C._current_graph_task_id() != -1)

    @property
    def _phase(self) -> Phase:
        return self.trace.segments[-1].place.phase

    def _entering(self, kind: str) -> Callable[..., None]:
        return lambda _module, _arguments: self._modules.append(kind)

    def _left(self, _module: Any, _arguments: Any, _output: Any) -> None:
        if self._modules:  # Watched from within, the outermost was not seen to begin.
            self._modules.pop()

    def _layer_begins(self, number: int) -> Callable[..., None]:
        def begins(_module: Any, arguments: Any, keywords: Any) -> None:
            if self._going_back:
                return
            self.trace.enter(Place("forward", number))
            hidden = arguments[0] if arguments else keywords["hidden_states"]
            place = Place("backward", number - 1) if number else Place("backward end")
            self._on_gradient(hidden, place)

        return begins

    def _on_gradient(self, hidden: Any, place: Place) -> None:
        if hidden.requires_grad:
            hidden.register_hook(lambda _gradient: self.trace.enter(place))

    def _gradient(self, parameter: Any) -> None:
        known = self._alive.get(id(parameter.grad.untyped_storage()))
        if known is not None:
            known[1].component = "gradients"

    def _add(self, storage: Any, component: str, module: str) -> None:
        key = id(storage)
        known = self._alive.get(key)
        if known is not None and known[0]() is storage:
            return
        block = self.trace.allocate(storage.nbytes(), component, module)

        def gone(_reference: object) -> None:
            if self._watching:
                self.trace.release(block)
            if self._alive.get(key, (None, None))[1] is block:
                del self._alive[key]

        self._alive[key] = (weakref.ref(storage, gone), block)

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        module = self._modules[-1] if self._modules else ""
        inner, sizes = self._scratch.get(operation, ("", None))
        # What an operation takes inside lives until its result is there.
        blocks = [
            self.trace.allocate(size, inner, module)
            for size in (sizes(*args, **(kwargs or {})) if sizes else ())
        ]
        result = operation(*args, **(kwargs or {}))
        component = self._outputs.get(operation) or self._component()
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage(), component, module)
        for block in blocks:
            self.trace.release(block)
        return result

    def _component(self) -> str:
        phase = self._phase
        if phase in ("loss", "backward of loss"):
            return "logits and loss"
        if phase == "optimizer step":
            return "optimizer temporaries"
        if not self._going_back:
            return "activations"
        return "recomputed activations" if self._modules else "backward temporaries"
