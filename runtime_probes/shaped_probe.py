"""Measures without a script: a model of a known shape, or real weights, over random tokens."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import torch

from qlint.errors import UsageError
from qlint.knowledge.local_models import model_named
from qlint.knowledge.models import Model, all_models
from qlint.memory.job import Job
from qlint.memory.predict import predict

from . import native_library
from .measurement import Measurement
from .out_of_memory import MemoryHeld, attempt
from .probes import Wanted, measure_all
from .progress import Progress
from .shaped_model import adapted, build_model, checkpointed, random_run
from .silence import quiet_libraries

RANK = 8
TARGETS = ("q_proj", "v_proj")
_LENGTH = 512
_LENGTH_ON_PROCESSOR = 128
_SEVEN_BILLION_CLASS = (6e9, 9e9)
_TINY: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "num_hidden_layers": 4,
    "vocab_size": 4096,
    "max_position_embeddings": 4096,
}
"""What a processor steps in a fraction of a second."""
_NO_LEARNING_RATE = "a learning rate means nothing on {}"


def measure_shape(name: str | None, wanted: Wanted, progress: Progress) -> Measurement:
    """Build the model, step it on random tokens and measure.

    Raises:
        UsageError: The model is not known, or is none that can be built here.
    """
    with quiet_libraries():
        return _measured(name, wanted, progress)


def _measured(name: str | None, wanted: Wanted, progress: Progress) -> Measurement:
    native_library.require()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        built = attempt(lambda: _model(name, device, _dtype(device)), lambda: None)
    except MemoryHeld:
        built = None
    if built is None:
        raise UsageError(
            f"{name or 'the model'} does not fit into the memory that is free on {device}: name a "
            "smaller one with --model."
        )
    model, called, data = built
    length = _LENGTH if device.type == "cuda" else _LENGTH_ON_PROCESSOR
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    run = random_run(model, optimizer, steps=wanted.steps, batch=1, length=length)
    run.name = f"{called}, {data}, r {RANK} on {'/'.join(TARGETS)}, 1 x {length} tokens"
    progress.say(f"measuring {run.name}.")
    result = Measurement()
    wanted = wanted._replace(no_learning_rate=_NO_LEARNING_RATE.format(data))
    measure_all(run, wanted, result, progress)
    return result


def _model(name: str | None, device: torch.device, dtype: torch.dtype) -> tuple[Any, str, str]:
    """The model with its adapters, its name, and what is random about the measurement."""
    if name is not None and _has_weights(name):
        model, called, data = _real(name, device, dtype), name, "random tokens"
    else:
        model, called = _random(name, device, dtype)
        data = "random weights"
    model = adapted(model, RANK, TARGETS, dropout=0.0)
    checkpointed(model, on=True)
    return model, called, data


def shaped_job(model: Model) -> Job:
    """The job that such a measurement is, for the planner."""
    return Job(
        model=model,
        per_device_train_batch_size=1,
        max_seq_length=_LENGTH,
        double_quant=True,
        compute_dtype="bfloat16",
        kbit_prepare=True,
        lora_r=RANK,
        target_modules=TARGETS,
        optim="adamw_torch",
        gradient_checkpointing=True,
    )


def largest_that_fits(free_bytes: int) -> Model | None:
    """Of the models with some seven billion parameters, the largest that trains in ``free_bytes``.

    One that is sure to be stepped with checkpointing off as well comes first.
    """
    low, high = _SEVEN_BILLION_CLASS
    known = [
        model
        for model in all_models()
        if model.architecture == "llama" and low <= (model.published_parameters or 0) <= high
    ]
    known.sort(key=lambda model: -(model.published_parameters or 0))
    for checkpointing in (False, True):
        for model in known:
            job = replace(shaped_job(model), gradient_checkpointing=checkpointing)
            if predict(job).needed_bytes < free_bytes:
                return model
    return None


def _random(name: str | None, device: torch.device, dtype: torch.dtype) -> tuple[Any, str]:
    if name is not None:
        shape = model_named(name)
        return _built(shape, device, dtype), shape.id
    if device.type != "cuda":
        return build_model(_TINY, _TINY["num_hidden_layers"], device, dtype), "a tiny llama"
    free, _ = torch.cuda.mem_get_info()
    found = largest_that_fits(free)
    if found is None:
        raise UsageError(
            f"no model of some 7 billion parameters fits the {free / 1e9:.1f} GB that are free on "
            "the card: name a smaller one with --model."
        )
    return _built(found, device, dtype), found.id


def _built(shape: Model, device: torch.device, dtype: torch.dtype) -> Any:
    try:
        return build_model(shape.config, shape.layers, device, dtype)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{shape.id} cannot be built with random weights: {error}.") from None


def _real(path: str, device: torch.device, dtype: torch.dtype) -> Any:
    """Real weights, from this machine only; code that comes with them is not run."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    try:
        return AutoModelForCausalLM.from_pretrained(
            path,
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=dtype,
            ),
            dtype=dtype,
            device_map={"": device},
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"the model in {path} cannot be loaded: {_first_line(error)}") from None


def _has_weights(path: str) -> bool:
    return os.path.isdir(path) and any(
        name.endswith((".safetensors", ".bin")) for name in os.listdir(path)
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _dtype(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
