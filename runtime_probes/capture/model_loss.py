"""The loss that a model returns, found in its output and exchanged for one without a graph."""

from __future__ import annotations

import inspect
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import torch


class Returned(NamedTuple):
    """What the script gets back from the model, and the loss in it: None where there is none."""

    output: Any
    loss: torch.Tensor | None


def with_leaf(output: Any) -> Returned:
    """The output with its loss made a leaf that gradients of the script's arithmetic reach.

    Where the loss may be: the attribute or key ``loss``, the first of a tuple, the output itself.
    """
    if isinstance(output, torch.Tensor):
        leaf = _leaf(output)
        return Returned(output if leaf is None else leaf, leaf)
    if isinstance(output, MutableMapping):
        leaf = _leaf(output.get("loss"))
        if leaf is not None:
            output["loss"] = leaf
        return Returned(output, leaf)
    if isinstance(output, tuple) and output:
        leaf = _leaf(output[0])
        return Returned(output if leaf is None else (leaf, *output[1:]), leaf)
    leaf = _leaf(getattr(output, "loss", None))
    if leaf is not None:
        output.loss = leaf
    return Returned(output, leaf)


def loss_of(output: Any) -> torch.Tensor:
    """The loss of an output in which :func:`with_leaf` found one."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, MutableMapping):
        return output["loss"]
    return output[0] if isinstance(output, tuple) else output.loss


def by_name(model: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call to the model by their names, None where positions have none."""
    if not arguments:
        return dict(named)
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    for owner in (model, inner):
        parameters = inspect.signature(owner.forward).parameters.values()
        names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        if len(names) >= len(arguments):
            return {**dict(zip(names, arguments, strict=False)), **named}
    return None


def _leaf(value: Any) -> torch.Tensor | None:
    """A scalar without history, equal to ``value``; None where that is no scalar of floats."""
    if isinstance(value, torch.Tensor) and value.numel() == 1 and value.is_floating_point():
        return value.detach().clone().requires_grad_()
    return None
