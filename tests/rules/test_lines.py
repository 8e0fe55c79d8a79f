"""Both sides of every line in the table of where rules begin to speak."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from recipe_building import (
    ABSENT,
    FFN,
    QKV,
    SIXTEEN_BIT,
    UNKNOWN,
    by_default,
    findings,
    recipe,
    severity,
    written,
)

from qlint.knowledge.models import find_model
from qlint.memory.adapters import adapter_memory
from qlint.memory.optimizer import optimizer_kind
from qlint.rulebook.registry import all_rules

ALL_SEVEN = [*QKV, "o_proj", *FFN]
UNKNOWN_MODEL: dict[str, Any] = {"model_name": "team/base"}


def test_the_good_recipe_is_silent() -> None:
    for rule in all_rules():
        if rule.scope == "recipe":
            assert findings(rule.code, recipe()) == [], rule.code


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (None, {"learning_rate": 1e-4}),
        ("warning", {"learning_rate": 1.01e-4}),
        ("warning", {"learning_rate": 2e-4}),
        ("warning", {"learning_rate": 5e-4}),
        ("error", {"learning_rate": 5.1e-4}),
        ("warning", {"learning_rate": 2e-4, "lora_r": 128}),
        ("error", {"learning_rate": 2.1e-4, "lora_r": 128}),
        ("warning", {"learning_rate": 2.1e-4, "lora_r": 127}),
        ("warning", {"learning_rate": 2e-4, "model_name": "meta-llama/Llama-2-70b-hf"}),
        ("error", {"learning_rate": 3e-4, "model_name": "meta-llama/Llama-2-70b-hf"}),
        ("error", {"learning_rate": 3e-4, "model_name": "team/secret-30b"}),
        ("warning", {"learning_rate": 3e-4, "model_name": "team/secret-29b"}),
        ("warning", {"learning_rate": 3e-4, "model_name": "team/secret"}),
        (None, {"learning_rate": 2e-5, "trainer": "DPOTrainer"}),
        ("warning", {"learning_rate": 5e-5, "trainer": "DPOTrainer"}),
        ("warning", {"learning_rate": 1e-4, "trainer": "GRPOTrainer"}),
        ("error", {"learning_rate": 1.1e-4, "trainer": "GRPOTrainer"}),
        (None, {"learning_rate": 5e-5, "trainer": "ORPOTrainer"}),
        ("warning", {"learning_rate": 6e-5, "trainer": "ORPOTrainer"}),
        ("warning", {"learning_rate": 3e-5, "trainer": "KTOTrainer"}),
        ("warning", {"learning_rate": 3e-5, "trainer": "PPOTrainer"}),
        (None, {"learning_rate": 1e-4, "trainer": "RewardTrainer"}),
        ("warning", {"learning_rate": 2e-4, "trainer": "RewardTrainer"}),
        ("warning", {"learning_rate": 2e-4, "trainer": ABSENT}),
        ("warning", {"learning_rate": 2e-4, "trainer": UNKNOWN}),
        (None, {"learning_rate": 1e-4, "trainer": UNKNOWN}),
        (None, {"learning_rate": UNKNOWN}),
        (None, {"learning_rate": "2e-4"}),
        (None, {"learning_rate": True}),
        (None, {"learning_rate": 2e-3, **SIXTEEN_BIT}),
        (None, {"learning_rate": 2e-3, "load_in_4bit": UNKNOWN, "quant_method": UNKNOWN}),
        (
            "warning",
            {
                "learning_rate": 2e-4,
                "load_in_4bit": False,
                "quant_method": "gptq",
                "model_name": "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4",
            },
        ),
    ],
)
def test_learning_rate_from_lora(expected: str | None, changes: dict[str, Any]) -> None:
    assert severity("QL101", recipe(**changes)) == expected


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (None, {"learning_rate": 5e-5}),
        ("warning", {"learning_rate": 4.9e-5}),
        ("warning", {"learning_rate": by_default(2e-5)}),
        ("warning", {"learning_rate": 2e-5, **SIXTEEN_BIT}),
        (None, {"learning_rate": 2e-5, **SIXTEEN_BIT, "lora_r": ABSENT}),
        (None, {"learning_rate": 5e-6, "trainer": "DPOTrainer"}),
        (None, {"learning_rate": 2e-5, "trainer": UNKNOWN}),
        ("warning", {"learning_rate": 2e-5, "trainer": ABSENT}),
        ("warning", {"learning_rate": 0}),
    ],
)
def test_learning_rate_too_low(expected: str | None, changes: dict[str, Any]) -> None:
    assert severity("QL106", recipe(**changes)) == expected


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        (None, None, {"gradient_checkpointing": True}),
        ("warning", None, {"gradient_checkpointing": False}),
        ("warning", None, {"gradient_checkpointing": by_default(False)}),
        (None, None, {"gradient_checkpointing": by_default(True)}),
        (None, None, {"gradient_checkpointing": UNKNOWN}),
        # About 11 GB are needed: 20 % of a 24 GB card stay free, of a 12 GB card they do not.
        ("info", "24GB", {"gradient_checkpointing": False}),
        ("info", "RTX 4090", {"gradient_checkpointing": False}),
        ("warning", "12GB", {"gradient_checkpointing": False}),
        ("warning", "24GB", {"gradient_checkpointing": False, "max_seq_length": 4096}),
        ("warning", "24GB", {"gradient_checkpointing": False, "max_seq_length": UNKNOWN}),
        ("warning", "24GB", {"gradient_checkpointing": False, **UNKNOWN_MODEL}),
        ("warning", "a toaster", {"gradient_checkpointing": False}),
        (None, None, {"gradient_checkpointing": False, **SIXTEEN_BIT}),
        (None, "80GB", {"gradient_checkpointing": False, **SIXTEEN_BIT}),
        ("warning", "24GB", {"gradient_checkpointing": False, **SIXTEEN_BIT}),
    ],
)
def test_no_gradient_checkpointing(
    expected: str | None, gpu: str | None, changes: dict[str, Any]
) -> None:
    assert severity("QL102", recipe(**changes), gpu=gpu) == expected


@pytest.mark.parametrize(
    ("expected", "targets"),
    [
        (None, QKV),
        (None, ["q_proj", "v_proj"]),
        (None, [*QKV, *FFN]),
        (None, [*QKV, "o_proj"]),
        ("info", [*QKV, "o_proj", "up_proj", "down_proj"]),
        ("warning", ALL_SEVEN),
        ("warning", [f"self_attn.{name}" for name in ALL_SEVEN]),
        ("warning", "all-linear"),
        ("warning", [*QKV, "lm_head"]),
        ("warning", ["q_proj", "embed_tokens"]),
        (None, ["query_key_value"]),
        ("info", ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
        ("warning", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
        (None, ["qkv_proj", "gate_up_proj", "down_proj"]),
        (None, r".*\.(q_proj|k_proj|v_proj)"),
        ("warning", r".*_proj"),
        (None, r".*(mlp|self_attn)\.(q|k|v|up|down|gate)_proj"),
        ("warning", r".*(mlp|self_attn)\.(q|k|v|o|up|down|gate)_proj"),
        ("warning", r".*language_model.*\.(q|k|v|o|up|down|gate)_proj"),
        (None, r"((a+)+)+b"),
        (None, "(unclosed"),
        (None, UNKNOWN),
        (None, 7),
    ],
)
def test_too_many_target_modules(expected: str | None, targets: Any) -> None:
    assert severity("QL103", recipe(target_modules=targets)) == expected


def test_target_modules_of_a_16_bit_run_are_silent() -> None:
    assert severity("QL103", recipe(target_modules="all-linear", **SIXTEEN_BIT)) is None


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (None, {"lora_r": 8}),
        # 32-bit Adam, 16 bytes a parameter, all linears: 0.0400 GB for each unit of r.
        (None, {"lora_r": 12, "target_modules": "all-linear", "optim": "adamw_torch"}),
        ("info", {"lora_r": 13, "target_modules": "all-linear", "optim": "adamw_torch"}),
        ("info", {"lora_r": 25, "target_modules": "all-linear", "optim": "adamw_torch"}),
        ("warning", {"lora_r": 26, "target_modules": "all-linear", "optim": "adamw_torch"}),
        # 8-bit Adam, 10.03 bytes a parameter: 0.0251 GB.
        ("info", {"lora_r": 39, "target_modules": "all-linear"}),
        ("warning", {"lora_r": 40, "target_modules": "all-linear"}),
        # An unknown optimizer counts nothing, 8 bytes a parameter: 0.0200 GB.
        ("info", {"lora_r": 50, "target_modules": "all-linear", "optim": UNKNOWN}),
        ("warning", {"lora_r": 51, "target_modules": "all-linear", "optim": UNKNOWN}),
        # A small model affords a large rank.
        (
            None,
            {
                "lora_r": 64,
                "target_modules": "all-linear",
                "model_name": "HuggingFaceTB/SmolLM2-135M",
            },
        ),
        (None, {"lora_r": 32, **UNKNOWN_MODEL}),
        ("info", {"lora_r": 33, **UNKNOWN_MODEL}),
        ("info", {"lora_r": 63, **UNKNOWN_MODEL}),
        ("warning", {"lora_r": 64, **UNKNOWN_MODEL}),
        ("warning", {"lora_r": 64, "target_modules": UNKNOWN}),
        (None, {"lora_r": 256, **SIXTEEN_BIT}),
        (None, {"lora_r": UNKNOWN}),
    ],
)
def test_rank_too_large(expected: str | None, changes: dict[str, Any]) -> None:
    assert severity("QL104", recipe(**changes)) == expected


@pytest.mark.parametrize(
    ("expected", "optim"),
    [
        ("warning", "adamw_torch"),
        ("warning", by_default("adamw_torch")),
        ("warning", by_default("adamw_torch_fused")),
        ("warning", "adamw_hf"),
        ("warning", "adamw_apex_fused"),
        ("warning", "torch.optim.AdamW"),
        ("warning", "lion_32bit"),
        ("info", "paged_adamw_32bit"),
        ("info", "paged_adamw"),
        ("info", "bitsandbytes.optim.PagedAdamW32bit"),
        (None, "adamw_8bit"),
        (None, "adamw_bnb_8bit"),
        (None, "paged_adamw_8bit"),
        (None, "adamw_torch_4bit"),
        (None, "adafactor"),
        (None, "sgd"),
        (None, "torch.optim.SGD"),
        (None, "galore_adamw"),
        (None, "bitsandbytes.optim.AdamW8bit"),
        (None, "my.Optimizer"),
        (None, UNKNOWN),
    ],
)
def test_full_precision_optimizer(expected: str | None, optim: Any) -> None:
    assert severity("QL105", recipe(optim=optim)) == expected
    assert severity("QL105", recipe(optim=optim, **SIXTEEN_BIT)) is None


@pytest.mark.parametrize(
    ("code", "field", "bad", "good", "level"),
    [
        ("QL201", "compute_dtype", "float32", "float16", "warning"),
        ("QL202", "quant_type", "fp4", "nf4", "warning"),
        ("QL203", "double_quant", False, True, "info"),
    ],
)
def test_quantisation(code: str, field: str, bad: Any, good: Any, level: str) -> None:
    def severity_of(value: Any, **changes: Any) -> str | None:
        return severity(code, recipe(**{**changes, field: value}))

    assert severity_of(bad) == level
    assert severity_of(by_default(bad)) == level
    assert severity_of(good) is None
    assert severity_of(UNKNOWN) is None
    assert severity_of(ABSENT) is None
    assert severity_of(bad, **SIXTEEN_BIT) is None


def test_options_move_the_lines() -> None:
    high = recipe(learning_rate=2e-4)
    assert severity("QL101", high, maximum=2e-4) is None
    assert severity("QL101", high, maximum=1e-5, error=1e-4) == "error"
    low = recipe(learning_rate=2e-5)
    assert severity("QL106", low, minimum=1e-5) is None
    off = recipe(gradient_checkpointing=False)
    assert severity("QL102", off, gpu="24GB", spare=0.9) == "warning"
    assert severity("QL103", recipe(target_modules=[*QKV, "o_proj"]), maximum=3) == "warning"
    assert severity("QL104", recipe(lora_r=8), budget=0.05) == "warning"
    assert severity("QL104", recipe(lora_r=16, model_name="x"), rank=16) == "warning"


def test_the_model_of_the_settings_stands_in_for_an_unknown_name() -> None:
    unnamed = recipe(model_name=UNKNOWN, lora_r=64, target_modules="all-linear")
    (guessed,) = findings("QL104", unnamed)
    (computed,) = findings("QL104", unnamed, model="meta-llama/Llama-2-7b-hf")
    assert "GB" not in guessed.message
    assert "1.6 GB" in computed.message


def test_a_finding_carries_what_the_contract_asks_for() -> None:
    (finding,) = findings("QL101", recipe(learning_rate=written(2e-4, line=31)))
    assert finding.location.line == 31
    assert finding.message.startswith("Learning rate 2e-4 (train.py:31) is above 1e-4")
    assert finding.pitfall == 1
    assert finding.recipe_id == "train.py:1"
    assert finding.fields[0] == "learning_rate"
    assert finding.impact is not None
    assert "alpha/r = 2" in finding.impact
    assert finding.evidence.supporting
    assert finding.evidence.opposing
    assert finding.evidence.settle == "qlint probe train.py --only lr"
    assert finding.fixes[0].edits == ()


def test_a_default_points_at_the_run() -> None:
    (finding,) = findings("QL105", recipe(optim=by_default("adamw_torch")))
    assert finding.location.line == 40
    assert "Default optimizer adamw_torch (transformers 4.56.2's default) keeps" in finding.message
    assert finding.impact is not None
    assert "save 0.04 GB" in finding.impact


@pytest.mark.parametrize(
    ("trainer", "cost", "bits"),
    [("Trainer", "2.6 GB", "32 bits"), ("SFTTrainer", "1.3 GB", "16 bits")],
)
def test_figures_count_adapters_in_the_dtype_they_are_trained_in(
    trainer: str, cost: str, bits: str
) -> None:
    """TRL casts them to bfloat16, and the state of PyTorch's AdamW has the adapters' dtype."""
    shaped: dict[str, Any] = {"model_name": "meta-llama/Llama-2-7b-hf", "lora_r": 64}
    run = recipe(trainer=trainer, optim="adamw_torch", target_modules="all-linear", **shaped)
    run = replace(run, versions={"trl": {"version": "1.16.0", "source": "a lock file"}})
    (rank,) = findings("QL104", run)
    (optimizer,) = findings("QL105", run)
    assert f"costs {cost}" in rank.message
    assert f"keeps its state in {bits}" in optimizer.message


@pytest.mark.parametrize("trainer", ["Trainer", "SFTTrainer"])
def test_what_a_7b_is_said_to_save_is_what_the_memory_model_counts(trainer: str) -> None:
    model = find_model("meta-llama/Llama-2-7b-hf")
    assert model is not None
    run = replace(
        recipe(trainer=trainer, optim="adamw_torch"),
        versions={"trl": {"version": "1.16.0", "source": "a lock file"}},
    )
    (finding,) = findings("QL105", run)
    (said,) = [text for text in finding.evidence.supporting if text.startswith("a 7B model")]
    size = 2 if trainer == "SFTTrainer" else 4
    full, small = optimizer_kind("adamw_torch"), optimizer_kind("adamw_8bit")
    cases: list[tuple[int, Any]] = [(8, QKV), (16, "all-linear"), (64, "all-linear")]
    saved = []
    for rank, targets in cases:
        now = adapter_memory(model, rank, targets, full, size=size)
        then = adapter_memory(model, rank, targets, small, size=size)
        assert now is not None
        assert then is not None
        saved.append((now.state_bytes - then.state_bytes) / 1e9)
    assert [float(word) for word in said.split() if word.startswith("0.")] == [
        pytest.approx(one, abs=0.006) for one in saved
    ]
