"""What a step is made of: dequantisation, adapters, attention, recomputation, the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, Literal, TypeAlias

import torch

from ..activations.checkpointing import is_on
from ..capture.patches import Patches
from .clock import Clock, Step
from .native import wrap_all
from .nodes import nodes_between, time_nodes
from .rounds import half_spread

Part: TypeAlias = Literal["dequantisation", "adapters", "attention", "recompute"]
PARTS: tuple[Part, ...] = ("dequantisation", "adapters", "attention", "recompute")
BUSY = 0.9
"""A GPU that works for less of a step waits for Python within the parts that are timed."""

_ADAPTERS = ("lora_A", "lora_B")


class PartTimes:
    """Times the parts of one step, forward, recomputation and backward.

    A part that runs while a checkpoint computes again counts as itself, and ``recompute`` is what
    is computed again besides. Adapters are their own multiplications, attention the attention
    function without its projections.
    """

    def __init__(self, patches: Patches, model: torch.nn.Module, clock: Clock) -> None:
        self.clock = clock
        self._again = False
        self._within: Part | None = None
        wrap_all(patches, self._native)
        for module in model.modules():
            for name in _ADAPTERS:
                for adapter in getattr(module, name, {}).values():
                    self._adapter(patches, adapter)
            if "_gradient_checkpointing_func" in vars(module):
                patches.wrap(module, "_gradient_checkpointing_func", self._checkpoint)
        self._attention(patches)

    def _timed(self, part: Part, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._within is not None:  # Part of what is being timed already.
                return function(*arguments, **named)
            self._within = part
            started = self.clock.start()
            try:
                return function(*arguments, **named)
            finally:
                self.clock.stop(started, (part, self._again))
                self._within = None

        return timed

    def _native(self, _name: str, function: Any) -> Any:
        return self._timed("dequantisation", function)

    def _with_backward(self, part: Part, function: Callable[..., Any]) -> Callable[..., Any]:
        forward = self._timed(part, function)

        def both(*arguments: Any, **named: Any) -> Any:
            result = forward(*arguments, **named)
            nodes = nodes_between((arguments, named), result)
            time_nodes(nodes, self.clock.start, lambda begun: self.clock.stop(begun, (part, False)))
            return result

        return both

    def _adapter(self, patches: Patches, adapter: torch.nn.Module) -> None:
        patches.set(adapter, "forward", self._with_backward("adapters", adapter.forward))

    def _attention(self, patches: Patches) -> None:
        from transformers import modeling_utils

        interface = getattr(modeling_utils, "AttentionInterface", None)
        if interface is None or not hasattr(interface, "get_interface"):
            patches.wrap(
                torch.nn.functional,
                "scaled_dot_product_attention",
                lambda original: self._with_backward("attention", original),
            )
            return

        def make(original: Any) -> Any:
            def get_interface(*arguments: Any, **named: Any) -> Any:
                return self._with_backward("attention", original(*arguments, **named))

            return get_interface

        patches.wrap(interface, "get_interface", make)

    def _checkpoint(self, original: Any) -> Any:
        """``original`` is the checkpointing function: what it is given runs now, and again."""

        def checkpoint(function: Any, *arguments: Any, **named: Any) -> Any:
            return original(_around(function, self._run_again), *arguments, **named)

        return checkpoint

    def _run_again(self, function: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            if torch._C._current_graph_task_id() == -1:
                return function(*arguments, **named)
            self._again = True
            started = self.clock.start()
            try:
                return function(*arguments, **named)
            finally:
                self.clock.stop(started, ("recompute", False))
                self._again = False

        return run


def _around(function: Any, replacement: Callable[[Any], Any]) -> Any:
    """``replacement(function)``, of which the same can be asked as of ``function``.

    LLaMA-Factory's checkpointing looks there for the module that it runs.
    """
    if isinstance(function, partial):
        inner = _around(function.func, replacement)
        return partial(inner, *function.args, **function.keywords)
    replaced = replacement(function)
    if hasattr(function, "__self__"):
        replaced.__self__ = function.__self__
    return replaced


@dataclass(frozen=True, slots=True)
class Parts:
    """Fractions of a step that sum to one, their noise, and why some are not among them.

    ``recompute`` is what checkpoints compute again besides the other parts; ``other`` is the rest.
    A noise is half the spread of the middle half of the steps.
    """

    shares: dict[str, float]
    noise: dict[str, float]
    skipped: dict[str, str]


@dataclass(slots=True)
class Decomposition:
    """Collects :class:`PartTimes` of steps, and says what fractions of them the parts took."""

    device: torch.device
    model: torch.nn.Module
    _steps: list[PartTimes] = field(default_factory=list)

    def install(self, patches: Patches) -> None:
        """The setting: one step with its parts timed."""
        self._steps.append(PartTimes(patches, self.model, Clock(self.device)))

    def parts(self, steps: Sequence[Step], dequantisation: float, busy: float | None) -> Parts:
        """Of the last ``len(steps)`` steps, whose times are given.

        ``dequantisation`` is the share that the direct measurement found, which has fewer hooks
        than this one; ``busy`` the fraction of a step in which the GPU worked, where it is known.
        """
        each = [
            _fractions(one.clock, step.seconds)
            for one, step in zip(self._steps[-len(steps) :], steps, strict=True)
        ]
        seen = [part for part in PARTS if any(part in one for one in each)]
        values = {part: [one.get(part, 0.0) for one in each] for part in seen}
        shares: dict[str, float] = {part: fmean(values[part]) for part in seen}
        shares["dequantisation"] = dequantisation
        noise: dict[str, float] = {part: half_spread(values[part]) for part in seen}
        skipped = _unseen(self.model, seen)
        if busy is None:
            skipped["idle"] = "the processor's time is counted, in which it never waits"
        elif busy < BUSY or sum(shares.values()) > busy:
            skipped["idle"] = (
                f"the GPU waits for Python in {1 - busy:.0%} of the step, and these gaps lie "
                "within the other parts"
            )
        else:
            shares["idle"] = 1 - busy
        shares["other"] = max(0.0, 1 - sum(shares.values()))
        return Parts(shares, noise, skipped)


def _fractions(clock: Clock, total: float) -> dict[str, float]:
    """One step's parts. What is timed again within a checkpoint is no part of ``recompute``."""
    clock.settle()
    seconds: dict[str, float] = {}
    for (part, again), spent in clock.seconds.items():
        seconds[part] = seconds.get(part, 0.0) + spent
        if again:
            seconds["recompute"] = seconds.get("recompute", 0.0) - spent
    return {part: spent / total for part, spent in seconds.items()}


def _unseen(model: torch.nn.Module, seen: Sequence[str]) -> dict[str, str]:
    """Why parts are missing that a step usually has."""
    reasons: Mapping[str, str] = {
        "adapters": "no linear layer has a LoRA adapter",
        "attention": "the model's attention is not called through transformers' interface",
        "recompute": (
            "the model's checkpointing goes another way than transformers'"
            if is_on(model)
            else "the run does not checkpoint"
        ),
    }
    return {part: reason for part, reason in reasons.items() if part not in seen}
