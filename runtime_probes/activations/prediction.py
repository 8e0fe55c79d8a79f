"""What the model of ``qlint plan`` says of the very step that was measured.

The job is read off the live run, so that the two differ by the prediction's error alone. The
workspace of the matrix library is that of the device: none on a processor, more on a Hopper card.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import torch
from packaging.version import Version

from qlint.errors import UsageError
from qlint.knowledge.configurations import from_config
from qlint.memory.job import Job, Loss
from qlint.memory.predict import WORKSPACE_BYTES, predict

from ..dequantisation.modules import linear4bit_modules
from ..replay.run import Run
from .checkpointing import is_on, use_reentrant
from .longest import Longest

METHOD = "qlint plan's closed form for this model, adapter, optimizer, batch and length"
_ATTENTION = ("eager", "sdpa", "flash_attention_2")
_HOPPER_WORKSPACE_BYTES = 2 * 32 * 2**20
"""As ``WORKSPACE_BYTES``, on a card of compute capability 9.0."""
_KNOWN_TRAINERS = ("Trainer", "Seq2SeqTrainer", "SFTTrainer")
_NLL_IN_CHUNKS = Version("1.15")
"""TRL computes its plain loss in chunks from here on; before, chunks are a loss of their own."""


def prediction(
    run: Run, batch: Longest, micro_batches: int, autocast: Any, device: torch.device
) -> dict[str, Any]:
    """Bytes, or the reason in ``skipped`` why the planner has no answer for this run.

    ``autocast`` is the dtype that the step ran under, or None.
    """
    try:
        predicted = predict(_job(run, batch, micro_batches, autocast))
    except UsageError as error:
        return {"skipped": str(error)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # A model of another kind.
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"skipped": f"the planner cannot describe this run ({reason})"}
    peak = predicted.peak_allocated_bytes - WORKSPACE_BYTES + _workspace_bytes(device)
    part = peak / predicted.peak_allocated_bytes
    return {
        "method": METHOD,
        "bytes": peak,
        "low_bytes": round(predicted.low_bytes * part),
        "high_bytes": round(predicted.high_bytes * part),
        "at": predicted.at,
    }


def _workspace_bytes(device: torch.device) -> int:
    """What the matrix library keeps on ``device`` for the forward's and the backward's thread."""
    if device.type != "cuda":
        return 0
    hopper = torch.cuda.get_device_capability(device) == (9, 0)
    return _HOPPER_WORKSPACE_BYTES if hopper else WORKSPACE_BYTES


class AutocastWatch:
    """Notes the dtype of autocast, if any, in which the model's innermost modules run."""

    def __init__(self, model: torch.nn.Module, device: torch.device) -> None:
        self.dtype: torch.dtype | None = None
        self._device = device.type
        innermost = next(one for one in model.modules() if one._parameters)
        self._hook = innermost.register_forward_pre_hook(self._note)

    def _note(self, _module: Any, _arguments: Any) -> None:
        if torch.is_autocast_enabled(self._device):
            self.dtype = torch.get_autocast_dtype(self._device)

    def end(self) -> None:
        """Watch no more."""
        self._hook.remove()


def _job(run: Run, batch: Longest, micro_batches: int, autocast: torch.dtype | None) -> Job:
    model: Any = run.model
    trainer = getattr(run, "trainer", None)
    config = model.config
    attention = getattr(config, "_attn_implementation", None)
    if attention not in _ATTENTION:
        raise UsageError(f"the planner does not know the attention {attention}")
    mask = batch.inputs.get("attention_mask")
    checkpoints = bool(is_on(model))
    return Job(
        model=from_config(config.to_dict(), config.model_type),
        per_device_train_batch_size=batch.rows,
        max_seq_length=batch.length,
        **_quantisation(model),
        **_adapters(model),
        autocast=None if autocast is None else _name(autocast),  # type: ignore[arg-type]
        optim=_optimizer(run, trainer),
        max_grad_norm=float(getattr(getattr(trainer, "args", None), "max_grad_norm", 1.0) or 0.0),
        gradient_accumulation_steps=micro_batches,
        gradient_checkpointing=checkpoints,
        use_reentrant=use_reentrant(model),
        attn_implementation=attention,
        use_cache=trainer is None and bool(config.use_cache) and not checkpoints,
        packing="position_ids" in batch.inputs,
        padding=isinstance(mask, torch.Tensor) and not bool(mask.all()),
        loss=_loss(trainer),
    )


def _quantisation(model: Any) -> dict[str, Any]:
    embedding = _name(model.get_input_embeddings().weight.dtype)
    layers = list(linear4bit_modules(model).values())
    if not layers:
        if any(type(module).__name__ == "Linear8bitLt" for module in model.modules()):
            raise UsageError("what the layers in 8 bits hold cannot be read off the run")
        return {"quant_method": "none", "load_in_4bit": False, "base_dtype": embedding}
    state = layers[0].weight.quant_state
    base = _name(state.dtype)
    return {
        "quant_type": state.quant_type,
        "double_quant": bool(state.nested),
        "compute_dtype": _name(layers[0].compute_dtype or state.dtype),
        "base_dtype": base,
        # All that is not quantised is in float32 then, whatever the checkpoint was loaded in.
        "kbit_prepare": embedding == "float32" and base != "float32",
    }


def _adapters(model: Any) -> dict[str, Any]:
    adapted = [(path, one) for path, one in model.named_modules() if getattr(one, "lora_A", None)]
    weights = [one.weight for _, layer in adapted for one in layer.lora_A.values()]
    ranks = {weight.shape[0] for weight in weights}
    if len(ranks) != 1:
        raise UsageError("the planner takes one rank for all adapters")
    dropouts = [one for _, layer in adapted for one in layer.lora_dropout.values()]
    return {
        "lora_r": ranks.pop(),
        "lora_dropout": float(getattr(dropouts[0], "p", 0.0)) if dropouts else 0.0,
        "target_modules": tuple(sorted({path.rpartition(".")[2] for path, _ in adapted})),
        "adapter_dtype": _name(weights[0].dtype),
        "use_dora": any(any(layer.use_dora.values()) for _, layer in adapted),
    }


def _optimizer(run: Run, trainer: Any) -> str:
    named = getattr(getattr(trainer, "args", None), "optim", None)
    if named is not None:
        return str(getattr(named, "value", named))
    kind = type(getattr(run.optimizer, "optimizer", run.optimizer))
    return f"{kind.__module__.partition('.')[0]}.optim.{kind.__name__}"


def _loss(trainer: Any) -> Loss:
    if trainer is None:
        return Loss.FULL
    kind = next((one for one in type(trainer).__mro__ if _is_library(one)), type(trainer)).__name__
    if kind not in _KNOWN_TRAINERS:
        raise UsageError(f"the planner does not know the loss of {kind}")
    if getattr(trainer.args, "use_liger_kernel", False):
        return Loss.FUSED
    written = getattr(trainer.args, "loss_type", None)
    in_chunks = written == "nll" and Version(metadata.version("trl")) >= _NLL_IN_CHUNKS
    return Loss.CHUNKED if in_chunks or written == "chunked_nll" else Loss.FULL


def _is_library(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("transformers", "trl")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
