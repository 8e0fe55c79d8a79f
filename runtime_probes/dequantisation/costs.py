"""What each target module, and the rank, costs: the step without it, or with another rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch

from ..capture.patches import Patches
from ..replay.run import Run
from .clock import Step
from .modules import module_type
from .rounds import Setting, alternate, half_spread, unchanged

RANKS = (8, 64)
_AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a setting adds to a step, in seconds of the step's kind of time, and to memory."""

    seconds: float
    noise: float
    """Half the spread of the middle half of the pairs, in seconds."""
    state_bytes: int
    """Weights, gradients and optimizer state, counted."""
    peak_bytes: int | None
    """The difference of CUDA's peaks; None on the processor."""


class NotComparable(Exception):
    """There is no other setting to compare with; the message says why."""


def targets(run: Run, rounds: int) -> list[dict[str, Any]]:
    """What each type of target module costs: the step less the step without its adapters.

    Raises NotComparable where there is one type only.
    """
    types: dict[str, list[Any]] = {}
    for path, layer in _adapted(run.model):
        types.setdefault(module_type(path), []).append(layer)
    if len(types) < 2:
        raise NotComparable("without its only target module the run trains nothing")
    settings: dict[str, Setting] = {_AS_IT_IS: unchanged}
    settings |= {name: _without(layers) for name, layers in types.items()}
    taken = alternate(run, settings, rounds)
    state = _state_bytes_per_number(run)
    costs = []
    for name, layers in types.items():
        numbers = sum(weight.numel() for layer in layers for weight in _weights(layer))
        cost = _difference(taken[_AS_IT_IS], taken[name], round(numbers * state))
        costs.append({"module": name, **asdict(cost)})
    return sorted(costs, key=lambda one: -one["seconds"])


def ranks(run: Run, rounds: int) -> list[dict[str, Any]]:
    """What other ranks cost more (or less, below 0) than the run's.

    The optimizer's step, whose state is made for the run's own rank, is not part of the time.
    Raises NotComparable where layers have ranks of their own.
    """
    layers = [layer for _, layer in _adapted(run.model)]
    own = {weight.shape[0] for layer in layers for weight in _first_weights(layer)}
    if len(own) != 1:
        raise NotComparable("the adapters have several ranks" if own else "no layer has LoRA")
    (present,) = own
    others = [rank for rank in RANKS if rank != present]
    settings: dict[str, Setting] = {_AS_IT_IS: unchanged}
    settings |= {str(rank): _with_rank(layers, rank) for rank in others}
    taken = alternate(run, settings, rounds, update=False)
    state = _state_bytes_per_number(run)
    numbers = sum(weight.numel() for layer in layers for weight in _weights(layer))
    costs = []
    for rank in others:
        more = round(numbers * (rank - present) / present * state)
        cost = _difference(taken[str(rank)], taken[_AS_IT_IS], more)
        costs.append({"rank": rank, "instead_of": present, **asdict(cost)})
    return costs


def _adapted(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Linear layers with a LoRA adapter, by path."""
    for path, module in model.named_modules():
        if getattr(module, "lora_A", None) and hasattr(module, "base_layer"):
            yield path, module


def _difference(one: Sequence[Step], other: Sequence[Step], state_bytes: int) -> Cost:
    """What ``one`` takes more than ``other``, in pairs."""
    more = [a.seconds - b.seconds for a, b in zip(one, other, strict=True)]
    peaks = [
        a.peak_bytes - b.peak_bytes
        for a, b in zip(one, other, strict=True)
        if a.peak_bytes is not None and b.peak_bytes is not None
    ]
    peak = round(median(peaks)) if peaks else None
    return Cost(median(more), half_spread(more), state_bytes, peak)


def _without(layers: list[Any]) -> Setting:
    def install(patches: Patches) -> None:
        for layer in layers:
            patches.set(layer, "forward", _base_only(layer))

    return install


def _base_only(layer: Any) -> Any:
    def forward(inputs: Any, *arguments: Any, **named: Any) -> Any:
        named.pop("adapter_names", None)
        return layer.base_layer(inputs, *arguments, **named)

    return forward


def _with_rank(layers: list[Any], rank: int) -> Setting:
    """Adapters of another rank in the places of the run's; their values do not matter for time."""

    def install(patches: Patches) -> None:
        for layer in layers:
            for name in layer.lora_A:
                first, second = layer.lora_A[name], layer.lora_B[name]
                _replace(patches, layer.lora_A, name, _linear(first, first.in_features, rank))
                _replace(patches, layer.lora_B, name, _linear(second, rank, second.out_features))

    return install


def _linear(like: Any, inputs: int, outputs: int) -> torch.nn.Linear:
    weight = like.weight
    linear = torch.nn.Linear(inputs, outputs, bias=False, device="meta", dtype=weight.dtype)
    linear.weight = torch.nn.Parameter(weight.new_full((outputs, inputs), 1e-3))
    return linear


def _replace(patches: Patches, modules: Any, name: str, module: Any) -> None:
    before = modules[name]
    modules[name] = module
    patches.later(modules.__setitem__, name, before)


def _weights(layer: Any) -> Iterator[Any]:
    yield from _first_weights(layer)
    yield from (module.weight for module in layer.lora_B.values())


def _first_weights(layer: Any) -> Iterator[Any]:
    return (module.weight for module in layer.lora_A.values())


def _state_bytes_per_number(run: Run) -> float:
    """Bytes that a trained number takes: itself, its gradient and its share of the state."""
    trained = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
    numbers: int = sum(parameter.numel() for parameter in trained)
    if not numbers:
        return 0.0
    own: int = sum(2 * parameter.numel() * parameter.element_size() for parameter in trained)
    state: int = sum(
        value.numel() * value.element_size()
        for entries in run.optimizer.state.values()
        for value in entries.values()
        if isinstance(value, torch.Tensor)
    )
    return (own + state) / numbers
