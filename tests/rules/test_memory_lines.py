"""Both sides of the lines of the rules that decide on predicted memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from recipe_building import (
    ABSENT,
    QKV,
    SIXTEEN_BIT,
    UNKNOWN,
    by_default,
    findings,
    one_of,
    recipe,
    severity,
    written,
)

from qlint.recipe import Field, Recipe

LLAMA_3: dict[str, Any] = {"model_name": "meta-llama/Llama-3.1-8B"}
ACCUMULATED: dict[str, Any] = {"gradient_accumulation_steps": 16, "max_seq_length": 512}
SEVENTY: dict[str, Any] = {"model_name": "meta-llama/Llama-2-70b-hf"}
FULL_LOSS: dict[str, Any] = {"trainer": "Trainer"}
EVALUATED: dict[str, Any] = {
    "model_class": "AutoModelForCausalLM",
    "eval_strategy": "epoch",
    "per_device_eval_batch_size": by_default(8),
    "prediction_loss_only": by_default(False),
    "eval_accumulation_steps": by_default(None),
    "compute_metrics": by_default(False),
    "preprocess_logits_for_metrics": by_default(False),
}


def with_facts(subject: Recipe, **facts: Any) -> Recipe:
    """The recipe with what else was read of the run."""
    return replace(
        subject,
        facts={
            name: value if isinstance(value, Field) else written(value)
            for name, value in facts.items()
        },
    )


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        (None, None, SEVENTY),
        (None, "80GB", SEVENTY),
        ("error", "24GB", SEVENTY),
        ("error", "2x24GB", SEVENTY),
        ("error", "rtx4090", {"per_device_train_batch_size": 64, "max_seq_length": 4096}),
        # What comes from the data is assumed, said, and never an error.
        ("warning", "24GB", {**SEVENTY, "max_seq_length": UNKNOWN}),
        ("warning", "24GB", {**SEVENTY, "per_device_train_batch_size": UNKNOWN}),
        # A guess at anything else decides nothing.
        (None, "24GB", {**SEVENTY, "gradient_checkpointing": UNKNOWN}),
        (None, "24GB", {**SEVENTY, "target_modules": UNKNOWN}),
        (None, "24GB", {**SEVENTY, "distributed": UNKNOWN}),
        (None, "24GB", {**SEVENTY, "model_name": "team/base"}),
        (None, "24GB", {**SEVENTY, "trainer": "DPOTrainer"}),
        (None, "a toaster", SEVENTY),
        ("info", "24GB", {"load_in_4bit": one_of(True, False), "lora_r": 2048}),
    ],
)
def test_does_not_fit(expected: str | None, gpu: str | None, changes: dict[str, Any]) -> None:
    assert severity("QL301", recipe(**changes), gpu=gpu) == expected


def test_what_does_not_fit_names_the_assumed_length_and_the_cheapest_change() -> None:
    long = recipe(gradient_checkpointing=False, per_device_train_batch_size=8)
    assumed = replace(long, fields={**long.fields, "max_seq_length": ABSENT})
    (finding,) = findings("QL301", assumed, gpu="24GB")
    assert "max_seq_length taken as 1024" in finding.message
    assert "gradient checkpointing: -" in finding.fixes[0].description
    (hopeless,) = findings("QL301", recipe(**SEVENTY), gpu="8GB")
    assert "a smaller model or a larger card" in hopeless.fixes[0].description


def test_the_edge_of_the_card_lies_where_the_prediction_says() -> None:
    subject = recipe(gradient_checkpointing=False, max_seq_length=4096)
    sizes = [f"{tenths / 10:g}GB" for tenths in range(100, 600, 2)]
    verdicts = [severity("QL301", subject, gpu=size) for size in sizes]
    shape = [one for one, before in zip(verdicts, [None, *verdicts], strict=False) if one != before]
    assert shape == ["error", "warning", None]


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        ("warning", None, {**LLAMA_3, "kbit_prepare": True}),
        ("warning", "12GB", {**LLAMA_3, "kbit_prepare": True}),
        ("info", "24GB", {**LLAMA_3, "kbit_prepare": True}),
        ("warning", "24GB", {**LLAMA_3, "kbit_prepare": True, "max_seq_length": UNKNOWN}),
        (None, None, {**LLAMA_3, "kbit_prepare": ABSENT}),
        # 32 000 words are 0.5 GB.
        (None, None, {"kbit_prepare": True}),
        (None, None, {**LLAMA_3, "kbit_prepare": True, **SIXTEEN_BIT}),
        (None, None, {"model_name": "team/base", "kbit_prepare": True}),
    ],
)
def test_float32_vocabulary(expected: str | None, gpu: str | None, changes: dict[str, Any]) -> None:
    assert severity("QL302", recipe(**changes), gpu=gpu) == expected


def test_a_vocabulary_loaded_in_float32_cannot_grow() -> None:
    loaded = with_facts(recipe(**LLAMA_3, kbit_prepare=True), load_dtype="float32")
    assert severity("QL302", loaded) is None
    assert severity("QL302", recipe(kbit_prepare=True), minimum=0.5) == "warning"


@pytest.mark.parametrize(
    ("expected", "gpu", "changes", "facts"),
    [
        ("warning", None, {"per_device_train_batch_size": 8}, {}),
        ("info", "80GB", {"per_device_train_batch_size": 8}, {}),
        ("info", None, {"per_device_train_batch_size": 8, "max_seq_length": UNKNOWN}, {}),
        (None, None, {"per_device_train_batch_size": 8}, {"use_liger_kernel": True}),
        (None, None, {"per_device_train_batch_size": 8}, {"model_class": ABSENT}),
        (
            None,
            None,
            {"per_device_train_batch_size": 8},
            {"model_class": "AutoModelForSequenceClassification"},
        ),
        (None, None, {"per_device_train_batch_size": 8, "trainer": "DPOTrainer"}, {}),
        (None, None, {"max_seq_length": 512}, {}),
    ],
)
def test_full_logits(
    expected: str | None, gpu: str | None, changes: dict[str, Any], facts: dict[str, Any]
) -> None:
    subject = recipe(**{**LLAMA_3, **FULL_LOSS, **changes})
    read = with_facts(subject, **{"model_class": "AutoModelForCausalLM", **facts})
    assert severity("QL303", read, gpu=gpu) == expected


@pytest.mark.parametrize(
    ("expected", "version", "loss_type"),
    [
        ("warning", "1.7.1", by_default(None)),
        (None, "1.8.0", by_default(None)),
        ("warning", "1.14.2", "nll"),
        (None, "1.15.0", by_default("nll")),
        (None, "1.14.2", "chunked_nll"),
        ("warning", "1.16.0", "dft"),
    ],
)
def test_the_loss_of_trl_hangs_on_its_version(
    expected: str | None, version: str, loss_type: Any
) -> None:
    subject = replace(
        recipe(**LLAMA_3, per_device_train_batch_size=8), versions={"trl": {"version": version}}
    )
    read = with_facts(subject, model_class="AutoModelForCausalLM", loss_type=loss_type)
    assert severity("QL303", read) == expected


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        ("warning", None, {"modules_to_save": ["embed_tokens", "lm_head"]}),
        ("warning", None, {"modules_to_save": ["model.embed_tokens"]}),
        ("info", "80GB", {"modules_to_save": ["embed_tokens", "lm_head"]}),
        ("warning", None, {"modules_to_save": ["wte"], "model_name": "team/base"}),
        (None, None, {"modules_to_save": ["score"]}),
        (None, None, {"modules_to_save": None}),
        (None, None, {"modules_to_save": UNKNOWN}),
        (None, None, {"modules_to_save": ["lm_head"], "lora_r": ABSENT}),
    ],
)
def test_vocabulary_trained_in_full(
    expected: str | None, gpu: str | None, changes: dict[str, Any]
) -> None:
    assert severity("QL304", recipe(**{**LLAMA_3, **changes}), gpu=gpu) == expected


@pytest.mark.parametrize(
    ("expected", "gpu", "facts"),
    [
        ("info", None, {}),
        ("warning", "12GB", {}),
        (None, "80GB", {}),
        (None, None, {"per_device_eval_batch_size": 1}),
        (None, None, {"eval_strategy": by_default("no")}),
        (None, None, {"per_device_eval_batch_size": UNKNOWN}),
        (None, None, {"model_class": "AutoModelForSequenceClassification"}),
    ],
)
def test_evaluation_peak(expected: str | None, gpu: str | None, facts: dict[str, Any]) -> None:
    subject = with_facts(recipe(**LLAMA_3, **FULL_LOSS), **{**EVALUATED, **facts})
    assert severity("QL305", subject, gpu=gpu) == expected


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        ("warning", {"compute_metrics": True}),
        (None, {}),
        (None, {"compute_metrics": UNKNOWN}),
        (None, {"compute_metrics": True, "eval_accumulation_steps": 1}),
        (None, {"compute_metrics": True, "eval_accumulation_steps": UNKNOWN}),
        (None, {"compute_metrics": True, "preprocess_logits_for_metrics": True}),
        (None, {"compute_metrics": True, "prediction_loss_only": True}),
        (None, {"compute_metrics": True, "eval_strategy": by_default("no")}),
        (None, {"compute_metrics": True, "model_class": "AutoModelForTokenClassification"}),
    ],
)
def test_evaluation_keeps_logits(expected: str | None, facts: dict[str, Any]) -> None:
    subject = with_facts(recipe(**LLAMA_3, **FULL_LOSS), **{**EVALUATED, **facts})
    assert severity("QL306", subject) == expected


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        ("info", "24GB", ACCUMULATED),
        (None, None, ACCUMULATED),
        (None, "7GB", ACCUMULATED),
        (None, "24GB", {**ACCUMULATED, "max_seq_length": 2048}),
        (None, "24GB", {**ACCUMULATED, "gradient_accumulation_steps": 2}),
        (None, "24GB", {**ACCUMULATED, "gradient_accumulation_steps": 15}),
        (None, "24GB", {**ACCUMULATED, "gradient_accumulation_steps": UNKNOWN}),
        (None, "24GB", {**ACCUMULATED, "max_seq_length": UNKNOWN}),
        (None, "24GB", {**ACCUMULATED, "per_device_train_batch_size": 4}),
        (None, "80GB", {**ACCUMULATED, **SIXTEEN_BIT}),
    ],
)
def test_micro_batch_too_small(
    expected: str | None, gpu: str | None, changes: dict[str, Any]
) -> None:
    assert severity("QL401", recipe(**changes), gpu=gpu) == expected


def test_a_larger_micro_batch_keeps_the_batch_of_the_optimizer() -> None:
    (finding,) = findings("QL401", recipe(**ACCUMULATED), gpu="24GB")
    assert "per_device_train_batch_size=8 and gradient_accumulation_steps=2:" in (
        finding.fixes[0].description
    )


@pytest.mark.parametrize(
    ("expected", "gpu", "changes"),
    [
        ("info", "24GB", {}),
        (None, "16GB", {}),
        (None, None, {}),
        (None, "24GB", {"model_name": "meta-llama/Llama-2-13b-hf"}),
        ("info", "80GB", {"model_name": "meta-llama/Llama-2-13b-hf"}),
        (None, "80GB", {"max_seq_length": UNKNOWN}),
        (None, "80GB", SIXTEEN_BIT),
        (None, "80GB", {"framework": "torchtune"}),
    ],
)
def test_quantisation_not_needed(
    expected: str | None, gpu: str | None, changes: dict[str, Any]
) -> None:
    subject = recipe(**changes)
    framework = changes.get("framework", subject.framework)
    assert severity("QL402", replace(subject, framework=framework), gpu=gpu) == expected


@pytest.mark.parametrize(
    ("expected", "loaded", "changes"),
    [
        ("warning", "float32", {}),
        ("info", by_default("float16"), {}),
        (None, "bfloat16", {}),
        (None, UNKNOWN, {}),
        (None, "auto", {}),
        (None, "float16", {"compute_dtype": "float32"}),
        (None, "float32", {"compute_dtype": UNKNOWN}),
        (None, "float32", SIXTEEN_BIT),
        (None, "float32", {"model_name": "unsloth/llama-3-8b-bnb-4bit"}),
        ("warning", "float32", {"model_name": "team/base"}),
    ],
)
def test_quantised_from_another_dtype(
    expected: str | None, loaded: Any, changes: dict[str, Any]
) -> None:
    assert severity("QL204", with_facts(recipe(**changes), load_dtype=loaded)) == expected


def test_figures_of_this_run_and_its_card() -> None:
    everything = recipe(
        target_modules="all-linear", lora_r=64, optim="adamw_torch", double_quant=False
    )
    for code in ("QL103", "QL104", "QL105", "QL203"):
        (finding,) = findings(code, everything, gpu="24GB")
        assert finding.impact is not None
        assert "% of the 25.4 GB that 24GB offers" in finding.impact, code
        (bare,) = findings(code, everything)
        assert bare.impact is not None
        assert "Predicted peak at 1 x 1024 tokens: about" in bare.impact, code
        assert "%" not in bare.impact, code
    (off,) = findings("QL102", recipe(gradient_checkpointing=False), gpu="24GB")
    assert off.impact is not None
    assert "With checkpointing about" in off.impact


def test_state_and_rank_that_fit_with_room_are_infos() -> None:
    large = recipe(target_modules="all-linear", lora_r=64, optim="adamw_torch")
    for code in ("QL103", "QL104", "QL105"):
        assert severity(code, large) == "warning"
        assert severity(code, large, gpu="24GB") == "info"
        assert severity(code, large, gpu="8GB") == "warning"
        assumed = replace(large, fields={**large.fields, "max_seq_length": ABSENT})
        assert severity(code, assumed, gpu="24GB") == "warning"


def test_adapters_on_fewer_modules_are_compared_by_their_peak() -> None:
    (finding,) = findings("QL103", recipe(target_modules=[*QKV, "o_proj", "lm_head"]))
    assert finding.impact is not None
    assert "On q_proj, k_proj, v_proj alone" in finding.impact
