"""The forms in which a run turns hidden states into a loss, beside the model's own."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import torch

from qlint.errors import UsageError
from qlint.memory.job import Loss

from .cuda_semantics import replaced


def prepare(model: Any, loss: Loss) -> None:
    """Give a causal language model the head that ``loss`` needs, before adapters are added.

    Raises:
        UsageError: The library that brings the loss is not installed.
    """
    if loss is Loss.CHUNKED:
        _trl().add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    elif loss is Loss.FUSED:
        model.forward = types.MethodType(_forward_with_fused_loss, model)


def loss_of(model: Any, batch: dict[str, Any], loss: Loss) -> Any:
    """The loss of a batch as the trainer computes it; all else that the model returns dies here."""
    if loss is Loss.CHUNKED:
        # ``SFTTrainer.compute_loss``.
        return -model(**batch, fused_lm_head=True)["log_probs"].sum() / batch["labels"].numel()
    # ``Trainer.compute_loss``.
    return model(**batch)["loss"]


@contextlib.contextmanager
def kernels_in_place(loss: Loss) -> Iterator[None]:
    """TRL's kernels for CUDA work on a tile in place; their form for the CPU makes copies."""
    if loss is not Loss.CHUNKED:
        yield
        return
    from trl.kernels import chunked_logprob

    with (
        replaced(chunked_logprob, "_forward_tile", lambda *_, **__: None),
        replaced(chunked_logprob, "_backward_tile", lambda *_, **__: None),
        replaced(chunked_logprob, "_addmm_fp32", lambda *_: None),
    ):
        yield


def _trl() -> Any:
    try:
        from trl.trainer import utils

        utils.add_fused_lm_head  # noqa: B018
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"Simulating TRL's chunked loss needs trl 1.16 or newer ({error})."
        ) from error
    return utils


def _forward_with_fused_loss(model: Any, labels: Any = None, **inputs: Any) -> dict[str, Any]:
    hidden = model.base_model(**inputs).last_hidden_state
    head = model.get_output_embeddings()
    flat = hidden.view(-1, hidden.shape[-1])
    return {"loss": _FusedLinearCrossEntropy.apply(flat, head.weight, labels.view(-1))}


class _FusedLinearCrossEntropy(torch.autograd.Function):
    """What Liger's fused linear cross-entropy allocates, without its numbers.

    Logits exist for a part of the tokens at a time: as many as make them about as large as the
    hidden states. Their gradient overwrites them, and the gradient of the hidden states is made in
    the forward pass already (liger_kernel/ops/fused_linear_cross_entropy.py).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, labels: Any) -> Any:
        rows, width = hidden.shape
        parts = -(-weight.shape[0] // width)
        chunk = 1 << (-(-rows // parts) - 1).bit_length()
        gradient = torch.zeros_like(hidden)
        weight_gradient = torch.zeros_like(weight) if weight.requires_grad else None
        losses = torch.zeros(rows, dtype=torch.float32)
        for start in range(0, rows, chunk):
            part = hidden[start : start + chunk]
            logits = part @ weight.t()
            gradient[start : start + chunk] = logits @ weight
            if weight_gradient is not None:
                weight_gradient += logits.t() @ part
            del logits
        ctx.save_for_backward(gradient, weight_gradient)
        return losses.sum()

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> tuple[Any, Any, None]:
        gradient, weight_gradient = ctx.saved_tensors
        gradient.mul_(upstream)
        return gradient, weight_gradient, None
