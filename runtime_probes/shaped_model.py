"""A model of a known shape with random NF4 weights, built straight on the device.

Nothing is downloaded, and no weight ever exists in 16 bits: packed weights are random bytes and
their scales are such that outputs keep the size of inputs, so that activations stay finite. Time
and memory are those of a real model of this shape; losses and learning rates mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import bitsandbytes
import torch
from accelerate import init_empty_weights
from bitsandbytes import functional
from bitsandbytes.functional import QuantState
from transformers import AutoModelForCausalLM

from .replay.supplied_run import SuppliedRun
from .replay.window import Window
from .simulation.model import configuration

BLOCK = 64
_NESTED_BLOCK = 256
_SPREAD_OF_LEVELS = 0.572
"""The standard deviation of NF4's sixteen levels, each as likely as the others."""


def build_model(
    config: Mapping[str, Any],
    layers: int,
    device: torch.device,
    dtype: torch.dtype,
    *,
    quantised: bool = True,
) -> Any:
    """A causal language model with the sizes of ``config``; linear layers but the head in NF4.

    ``quantised=False`` gives the same with random weights in ``dtype``.
    """
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(configuration(config, layers), dtype=dtype)
    head = model.get_output_embeddings()
    for path, module in list(model.named_modules()):
        if quantised and type(module) is torch.nn.Linear and module is not head:
            model.set_submodule(path, _random_linear4bit(module, device, dtype))
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.is_meta:
                filled = _random_parameter(parameter, device)
                module._parameters[name] = torch.nn.Parameter(filled, requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.to(device)
    model.tie_weights()
    model.config.use_cache = False
    model.is_loaded_in_4bit = quantised
    return model


def adapted(model: Any, rank: int, target_modules: str | Sequence[str], dropout: float) -> Any:
    """The model with LoRA adapters, prepared as PEFT prepares a quantised one if it is one."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if model.is_loaded_in_4bit:  # It would cast all weights of another one to float32.
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    targets = target_modules if isinstance(target_modules, str) else list(target_modules)
    return get_peft_model(
        model,
        LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            lora_dropout=dropout,
            target_modules=targets,
            task_type="CAUSAL_LM",
        ),
    )


def checkpointed(model: Any, *, on: bool) -> None:
    """Turn gradient checkpointing on (non-reentrant) or off."""
    if on:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    else:
        model.gradient_checkpointing_disable()
    model.train()


def random_run(
    model: Any, optimizer: torch.optim.Optimizer, *, steps: int, batch: int, length: int
) -> SuppliedRun:
    """Steps over random tokens."""
    device = next(model.parameters()).device
    words = model.config.vocab_size
    generator = torch.Generator().manual_seed(1)
    windows = []
    for _ in range(steps):
        ids = torch.randint(0, words, (batch, length), generator=generator).to(device)
        windows.append(Window(({"input_ids": ids, "labels": ids.clone()},)))
    loss = _autocast_loss if device.type == "cuda" else None
    return SuppliedRun(model, windows, (), optimizer, loss=loss)


def _autocast_loss(model: Any, inputs: Any) -> torch.Tensor:
    """As a trainer with ``bf16=True`` runs it."""
    with torch.autocast("cuda", torch.bfloat16):
        loss: torch.Tensor = model(**inputs).loss
    return loss


def _random_linear4bit(linear: Any, device: torch.device, dtype: torch.dtype) -> Any:
    weights = linear.in_features * linear.out_features
    blocks = math.ceil(weights / BLOCK)
    # With this spread of weights an output has the variance of an input.
    scale = 1 / (_SPREAD_OF_LEVELS * math.sqrt(linear.in_features))
    absmax = torch.empty(blocks, device=device).uniform_(0.9 * scale, 1.1 * scale)
    offset = absmax.mean()
    nested_absmax, nested = functional.quantize_blockwise(absmax - offset, blocksize=_NESTED_BLOCK)
    state = QuantState(
        absmax=nested_absmax,
        shape=torch.Size((linear.out_features, linear.in_features)),
        code=functional.get_4bit_type("nf4", device=device),
        blocksize=BLOCK,
        quant_type="nf4",
        dtype=dtype,
        offset=offset,
        state2=nested,
    )
    packed = torch.randint(0, 256, (math.ceil(weights / 2), 1), dtype=torch.uint8, device=device)
    made = bitsandbytes.nn.Linear4bit(
        linear.in_features,
        linear.out_features,
        bias=linear.bias is not None,
        compute_dtype=dtype,
        compress_statistics=True,
        quant_type="nf4",
        device="meta",
    )
    made.weight = bitsandbytes.nn.Params4bit(
        packed,
        requires_grad=False,
        quant_state=state,
        blocksize=BLOCK,
        compress_statistics=True,
        quant_type="nf4",
        bnb_quantized=True,
        module=made,
    )
    made.quant_state = state
    return made


def _random_parameter(parameter: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Norms (and biases) are ones; matrices keep the size of what they are given."""
    empty = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
    if parameter.ndim < 2:
        return empty.fill_(1.0)
    return empty.normal_(0.0, 1 / math.sqrt(parameter.shape[-1]))
