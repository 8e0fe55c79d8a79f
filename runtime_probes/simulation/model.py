"""The model that a job trains, built of real transformers and PEFT code over fake tensors."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM

from qlint.memory.job import Job

from . import losses
from .attention import flash_attention
from .quantised import fake_quantise


def build(
    job: Job,
    layers: int,
    quantise: Callable[[Any, Job, set[str]], None] = fake_quantise,
) -> Any:
    """The model as the trainer gets it, with ``layers`` layers.

    Call it under a fake mode; without one, and with a ``quantise`` of its own, the model is real.
    """
    model = _base(job, layers)
    losses.prepare(model, job.loss)
    if job.load_in_4bit or job.load_in_8bit:
        quantise(model, job, _unquantised(model, job))
        model.is_loaded_in_4bit = job.load_in_4bit
        model.is_loaded_in_8bit = job.load_in_8bit
    if job.lora_r is not None:
        model.requires_grad_(False)
    if job.kbit_prepare:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    with _fake_parameters_convert():
        if job.lora_r is not None:
            model = _adapted(model, job)
    model.train()
    if job.gradient_checkpointing:
        # As ``Trainer.train`` does before the first step.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": job.use_reentrant}
            )
    return model


def configuration(config: Mapping[str, Any], layers: int) -> Any:
    """The transformers configuration of a ``config.json``, cut to ``layers`` layers."""
    values = dict(config)
    kind = values.pop("model_type")
    if "layer_types" in values and values["layer_types"] is not None:
        values["layer_types"] = values["layer_types"][:layers]
    values["num_hidden_layers"] = layers
    for unwanted in ("quantization_config", "torch_dtype", "dtype", "transformers_version"):
        values.pop(unwanted, None)
    return AutoConfig.for_model(kind, **values)


def pattern(config: Mapping[str, Any], layers: int) -> int:
    """How many layers make one period of the model's kinds of layers; 1 where all are alike."""
    kinds = getattr(configuration(config, layers), "layer_types", None)
    if not kinds:
        return 1
    for period in range(1, layers):
        if all(kinds[number] == kinds[number - period] for number in range(period, layers)):
            return period
    return layers


def _base(job: Job, layers: int) -> Any:
    config = configuration(job.model.config, layers)
    config.use_cache = job.use_cache
    return AutoModelForCausalLM.from_config(
        config,
        dtype=getattr(torch, job.base_dtype),
        attn_implementation=_attention(job, config),
    )


_FLASH = "simulated_kernel"
"""Models find attention of FlashAttention's make under this name, whether or not it is installed.
One with "flash" in it would be looked for among its kernels."""


def _attention(job: Job, config: Any) -> str:
    if job.attn_implementation == "flash_attention_2":
        AttentionInterface.register(_FLASH, flash_attention)
        return _FLASH
    # Models that cannot use fused attention run in the plain one, as they do by default.
    fused = getattr(AutoModelForCausalLM._model_mapping[type(config)], "_supports_sdpa", False)
    return job.attn_implementation if fused else "eager"


def _unquantised(model: Any, job: Job) -> set[str]:
    """Linear modules that stay as they are: the head, what is tied to it, and ``skip_modules``."""
    kept = set(job.skip_modules)
    head = model.get_output_embeddings()
    kept.update(path for path, module in model.named_modules() if module is head)
    return kept


def _adapted(model: Any, job: Job) -> Any:
    targets = job.target_modules
    adapted = get_peft_model(
        model,
        LoraConfig(
            r=job.lora_r,
            lora_dropout=job.lora_dropout,
            target_modules=targets if isinstance(targets, str) else list(targets),
            modules_to_save=list(job.modules_to_save) or None,
            use_dora=job.use_dora,
            task_type="CAUSAL_LM",
        ),
    )
    for name, parameter in adapted.named_parameters():
        # Copies of whole modules keep the dtype that those have.
        if parameter.requires_grad and "lora_" in name:
            parameter.data = parameter.data.to(getattr(torch, job.adapter_dtype))
    return adapted


@contextlib.contextmanager
def _fake_parameters_convert() -> Iterator[None]:
    """``Module.to`` sets the data of fake parameters instead of swapping them, which fails."""
    original = torch.nn.Module._apply

    def apply(module: Any, function: Any, recurse: bool = True) -> Any:
        for each in module.modules() if recurse else [module]:
            for parameter in each._parameters.values():
                if parameter is not None:
                    converted = function(parameter.data)
                    if converted.dtype is not parameter.dtype:
                        parameter.data = converted
        return module

    torch.nn.Module._apply = apply
    try:
        yield
    finally:
        torch.nn.Module._apply = original
