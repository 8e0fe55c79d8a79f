"""Simulated steps against real ones: real NF4 weights and real tensors, on the CPU.

The peak of the real step is read from the profiler, which knows nothing of ours.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from qlint.knowledge.configurations import from_config
from qlint.memory.job import Job

torch: Any = pytest.importorskip("torch")
bitsandbytes: Any = pytest.importorskip("bitsandbytes")
for library in ("transformers", "peft", "accelerate"):
    pytest.importorskip(library)


def part(name: str) -> Any:
    return importlib.import_module(f"qlint.runtime_probes.simulation{name}")


def config(hidden: int, key_value_heads: int, layers: int = 3) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden + 128,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": key_value_heads,
        "vocab_size": 2000,
        "tie_word_embeddings": False,
    }


def quantise(model: Any, job: Job, kept: set[str]) -> None:
    """bitsandbytes' own quantisation of all linear modules but ``kept``."""
    for path, module in list(model.named_modules()):
        if type(module) is not torch.nn.Linear or part(".quantised").is_kept(path, kept):
            continue
        new = four_bit(module, job) if job.load_in_4bit else eight_bit(module)
        if module.bias is not None:
            new.bias = torch.nn.Parameter(module.bias.data, requires_grad=False)
        model.set_submodule(path, new)


def four_bit(module: Any, job: Job) -> Any:
    options = {"compress_statistics": job.double_quant, "quant_type": job.quant_type}
    new = bitsandbytes.nn.Linear4bit(
        module.in_features,
        module.out_features,
        bias=False,
        compute_dtype=getattr(torch, job.compute_dtype),
        device="meta",
        **options,
    )
    weight = bitsandbytes.nn.Params4bit(
        module.weight.data, requires_grad=False, module=new, **options
    )
    new.weight = weight.to("cpu")
    return new


def eight_bit(module: Any) -> Any:
    new = bitsandbytes.nn.Linear8bitLt(
        module.in_features, module.out_features, bias=False, has_fp16_weights=False, device="meta"
    )
    weight = bitsandbytes.nn.Int8Params(
        module.weight.data, requires_grad=False, has_fp16_weights=False
    )
    new.weight = weight.to("cpu")
    return new


def measured_peak(job: Job) -> int:
    """Bytes that a real step takes beyond what was there before it."""
    step = part(".step")
    with step.quiet():
        model = part(".model").build(job, job.model.layers, quantise)
        step.mixed_precision(model, job)
        batch = step.batch_of(job)
        activities = [torch.profiler.ProfilerActivity.CPU]
        with (
            part(".cuda_semantics").autocast_seen_as_cuda(),
            # What oneDNN's int8 product takes depends on the processor and its threads.
            torch.backends.mkldnn.flags(enabled=job.load_in_4bit),
            torch.profiler.profile(activities=activities, profile_memory=True) as profile,
        ):
            part(".losses").loss_of(model, batch, job.loss).backward()
    now = highest = 0
    events = profile.profiler.kineto_results.events()
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        now += event.nbytes()
        highest = max(highest, now)
    return highest


SMALL, GROUPED = config(256, 4), config(512, 2)


QUICK = [
    (SMALL, {}),
    (SMALL, {"gradient_checkpointing": True}),
]
THOROUGH: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (SMALL, {"gradient_checkpointing": True, "use_reentrant": True}),
    (GROUPED, {"kbit_prepare": False}),
    (GROUPED, {"attn_implementation": "eager"}),
    (GROUPED, {"target_modules": "all-linear", "lora_r": 64}),
    (GROUPED, {"use_dora": True, "double_quant": False}),
    (GROUPED, {"modules_to_save": ("lm_head",)}),
    (GROUPED, {"compute_dtype": "float32", "autocast": None, "base_dtype": "float32"}),
    (GROUPED, {"padding": True}),
    (GROUPED, {"packing": True, "gradient_checkpointing": True}),
    (GROUPED, {"use_cache": True}),
    (GROUPED, {"load_in_4bit": False, "load_in_8bit": True}),
    (GROUPED, {"load_in_4bit": False, "load_in_8bit": True, "gradient_checkpointing": True}),
    (GROUPED, {"load_in_4bit": False, "quant_method": "none", "kbit_prepare": False}),
    ({**GROUPED, "model_type": "qwen2"}, {}),
    ({**GROUPED, "model_type": "qwen3", "head_dim": 64}, {}),
    ({**GROUPED, "model_type": "gemma2", "head_dim": 64}, {}),
    (config(1024, 4, 2), {"max_seq_length": 512}),
]


@pytest.mark.parametrize(
    ("model", "fields"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in THOROUGH)],
)
def test_a_simulated_step_takes_what_a_real_one_takes(
    model: dict[str, Any], fields: dict[str, Any]
) -> None:
    usual: dict[str, Any] = {
        "model": from_config(model),
        "per_device_train_batch_size": 1,
        "max_seq_length": 256,
        "compute_dtype": "bfloat16",
        "double_quant": True,
        "kbit_prepare": True,
        "lora_dropout": 0.05,
        "target_modules": ("q_proj", "k_proj", "v_proj"),
    }
    job = Job(**{**usual, **fields})
    result = part("").simulate(job, device="cpu")
    step = result.peak_allocated_bytes - result.resident_bytes
    assert step == pytest.approx(measured_peak(job), rel=0.01)
